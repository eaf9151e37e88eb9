/** How the text of a unit is made: what is written once, and what each dialect makes of it. */
import { rendered as mssql } from "../../../database/dialects/mssql/render.ts";
import { rendered as postgres } from "../../../database/dialects/postgres/render.ts";
import { rendered as sqlite } from "../../../database/dialects/sqlite/render.ts";
import { batchWork, delivery, deliveryAttempt, outbox } from "../../../database/schema/tables.ts";
import { insert, lock, remove, removeFirst, rowSet, selectFrom, take, update } from "../../../database/units/steps.ts";
import { type Plan, shapes } from "../../../database/units/unit.ts";

const failed = rowSet("failed", delivery, ["id", "attempts"]);
const plan: Plan = {
  params: { clientId: "bigint", error: "text" },
  steps: [
    update(delivery, { set: "state = 'a:b'", where: "client_id = :clientId", into: failed }),
    insert(deliveryAttempt, { values: { delivery_id: "failed.id", at: ":now", error: ":error" }, from: "failed" }),
  ],
};

test("PostgreSQL gets one statement, its parameters numbered as they come and cast to their types", () => {
  const { text, names } = postgres(plan);
  expect(names).toEqual(["clientId", "error"]);
  expect(text).toMatch(/^WITH failed AS \(UPDATE delivery SET state = 'a:b' WHERE client_id = \$1::bigint RETURNING /);
  expect(text).toMatch(/\$2::text FROM failed\)\nSELECT count\(\*\)::int AS changed FROM failed$/);
});

test("PostgreSQL locks rows in the order of their keys", () => {
  const into = rowSet("held", batchWork, ["batchId"]);
  const { text } = postgres({
    params: {},
    steps: [lock(batchWork, { where: "place = 1", into }), remove(batchWork, { where: "place = 2" })],
  });
  expect(text).toMatch(/WHERE place = 1 ORDER BY batch_id\s+FOR NO KEY UPDATE\)/);
});

test("SQL Server gets one transaction, with a table variable of the schema's types", () => {
  const { text, names } = mssql(plan);
  expect(names).toEqual(["clientId", "error"]);
  expect(text).toContain("DECLARE @failed TABLE (id BIGINT NOT NULL, attempts INT NOT NULL);");
  expect(text).toContain("OUTPUT inserted.id, inserted.attempts INTO @failed");
  expect(text).toMatch(/BEGIN TRAN;\nUPDATE [\s\S]*FROM @failed AS failed;\nCOMMIT;\nSELECT @changed AS "changed";$/);
});

test("SQLite gets a statement for each step; the rows of one come to the next as JSON", () => {
  const { steps, isRead } = sqlite(plan);
  expect(isRead).toBe(false);
  expect(steps.map(({ params, into }) => [params, into])).toEqual([
    [["clientId"], "failed"],
    [["now", "error", "rows_failed"], undefined],
  ]);
  expect(steps[1]?.text).toContain("FROM json_each(?3)) AS failed");
});

test("SQLite keeps a prepared statement whose limit is a parameter: it would plan anew for each value of one that stands alone", () => {
  const limit = ":limit";
  const taken = take(outbox, {
    due: "true",
    order: "id",
    limit,
    set: "attempts = 0",
    into: rowSet("taken", outbox, ["id"]),
  });
  const removed = removeFirst(outbox, { key: ["id"], where: "true", order: "id", limit });
  for (const step of [taken, removed]) {
    const { steps } = sqlite({ params: { limit: "int" }, steps: [step] });
    expect(steps[0]?.text).toContain("LIMIT ?1 + 0");
  }
});

test("a unit that only reads is marked as a read", () => {
  const steps = [selectFrom(outbox, ["id"], "outbox", "FROM outbox")];
  expect(sqlite({ params: {}, steps }).isRead).toBe(true);
});

test("an unknown parameter or column is an error", () => {
  const unknown = { params: { id: "bigint" } as const, steps: [remove(outbox, { where: "id = :ids" })] };
  for (const render of [postgres, mssql, sqlite]) expect(() => render(unknown)).toThrow("no parameter :ids");
  expect(() => rowSet("made", outbox, ["due" as "dueAt"])).toThrow("no column due");
});

test("the unit of a shape is made once", () => {
  const make = jest.fn((names: string[]) => names.length);
  const which = shapes(make);
  expect([which(["a"]), which(["a"]), which([])]).toEqual([1, 1, 0]);
  expect(make).toHaveBeenCalledTimes(2);
});
