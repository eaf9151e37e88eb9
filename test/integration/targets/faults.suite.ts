/**
 * What happens to rows that PostgreSQL refuses: an error names the record, a code and a field, and all other records become rows.
 */
import { TableFailure } from "../../../database/errors.ts";
import type { TablePlan } from "../../../database/targets/target.ts";
import { column } from "../../helpers/targets.ts";
import {
  codesOf,
  deliver,
  deliveryOf,
  errorsOf,
  orderColumns,
  ordersPlan,
  query,
  recordsOf,
  rowsOf,
  run,
} from "./delivery.kit.ts";
import { cases, trigger } from "./faults.cases.ts";
import type { TargetServer } from "./modes.suite.ts";

export function faultsSuite({ db, tables }: TargetServer): void {
  beforeEach(tables);

  const numbers = async () =>
    (await query<{ no: number }>(db(), "SELECT no FROM orders ORDER BY no")).map(({ no }) => no);

  test.each(cases)("%s", async (_what, ddl, over, records, errors, left) => {
    await run(db(), ...ddl);
    const { batch, counts } = await deliver(db(), ordersPlan(over), records);
    await run(db(), "DROP TABLE IF EXISTS lines", "DROP FUNCTION IF EXISTS told CASCADE");
    await run(db(), "ALTER TABLE orders ALTER email TYPE text", "DROP DOMAIN IF EXISTS told");
    expect(await codesOf(db(), batch)).toEqual(errors);
    expect(await numbers()).toEqual(left);
    expect(counts).toMatchObject({ accepted: records.length - errors.length, rejected: errors.length });
    expect(await query(db(), "SELECT id FROM customers")).toEqual([{ id: 1 }]);
    expect((await recordsOf(db(), batch)).length).toBe(records.length - errors.length);
  });

  /** Counts subtransactions. Each row that is written alone has one, and all rows of a piece share one. */
  const subtransactions = async () => {
    const [found] = await query<{ n: number }>(db(), "SELECT count(DISTINCT xmin::text)::int AS n FROM orders");
    return found?.n;
  };
  test.each([
    ["one wrong row: only its piece of 500 is written row by row", [700], 1_200, 2 + 499],
    ["three wrong pieces: what comes after them is written row by row", [1, 600, 1_100], 1_700, 3 * 499 + 200],
    ["a chunk of one piece is written row by row", [7], 500, 499],
  ])("%s", async (_what, wrong, many, expected) => {
    const records = Array.from({ length: many }, (_, i) => ({ no: i + 1, customer: wrong.includes(i + 1) ? 9 : 1 }));
    const { batch, counts } = await deliver(db(), ordersPlan(), records);
    expect(await codesOf(db(), batch)).toEqual(wrong.map((no) => [no, "reference", "customer"]));
    expect(counts).toMatchObject({ created: many - wrong.length, rejected: wrong.length });
    expect(await subtransactions()).toBe(expected);
  });

  test("a chunk after one with many wrong rows is written row by row, and the next one at once", async () => {
    const plan = ordersPlan();
    const wrong = Array.from({ length: 4 }, (_, i) => ({ no: i + 1, customer: 9 }));
    const right = (from: number) => Array.from({ length: 10 }, (_, i) => ({ no: from + i, customer: 1 }));
    await deliver(db(), plan, wrong);
    for (const [from, expected] of [
      [10, 10],
      [20, 10 + 1],
    ] as const) {
      await deliver(db(), plan, right(from));
      expect(await subtransactions()).toBe(expected);
    }
  });

  test("a row outside of every partition is refused", async () => {
    await run(
      db(),
      "DROP TABLE orders",
      "CREATE TABLE orders (no int PRIMARY KEY, customer int, amount numeric(10,2), city text, email text) PARTITION BY RANGE (no)",
      "CREATE TABLE orders_10 PARTITION OF orders FOR VALUES FROM (0) TO (10)",
      "CREATE TABLE orders_20 PARTITION OF orders FOR VALUES FROM (10) TO (20)",
    );
    const { batch, counts } = await deliver(db(), ordersPlan(), [
      { no: 3 },
      { no: 30 },
      { no: 13 },
      { no: 3, city: "b" },
    ]);
    expect(await codesOf(db(), batch)).toEqual([[2, "constraint", ""]]);
    expect(counts).toMatchObject({ created: 2, updated: 1, rejected: 1 });
    expect(await numbers()).toEqual([3, 13]);
    const messages = { orders_pkey: { message: "It is known." } };
    const again = await deliver(db(), ordersPlan({ mode: "insert", messages }), [{ no: 13 }]);
    expect(await errorsOf(db(), again.batch)).toMatchObject([
      { errors: [{ field: "no", code: "conflict", message: "It is known." }] },
    ]);
  });

  test("for a type that is not checked before SQL, the error names the field", async () => {
    const columns = [
      ...orderColumns,
      column("net", { kind: "other", type: "inet" }),
      column("fee", { kind: "decimal", type: "money" }),
      column("fees", { kind: "array", element: "decimal", type: "money[]" }),
    ];
    await run(db(), "ALTER TABLE orders ADD net inet, ADD fee money, ADD fees money[]");
    const { batch } = await deliver(db(), ordersPlan({}, columns), [
      { no: 1, net: "10.0.0.0/33" },
      { no: 2, net: "::1", fee: 0.01, fees: [1.25, null] },
    ]);
    expect(await codesOf(db(), batch)).toEqual([[1, "type", "net"]]);
    expect(await query(db(), "SELECT no, fee::numeric AS fee, fees::numeric[]::text AS fees FROM orders")).toEqual([
      { no: 2, fee: "0.01", fees: "{1.25,NULL}" },
    ]);
  });

  test("the partner gets the dataset's message for a constraint, and the raw record, but never the server's message", async () => {
    const messages = { fk_customer: { field: "customer_no", code: "unknown-customer", message: "No such customer." } };
    const records = [{ no: 1, customer: 9, city: "hidden" }];
    const { batch, written } = await deliver(db(), ordersPlan({ messages }), records);
    expect(await errorsOf(db(), batch)).toEqual([
      {
        seq: 1,
        line: 1,
        raw: JSON.stringify(records[0]),
        errors: [{ field: "customer_no", code: "unknown-customer", message: "No such customer.", value: "9" }],
      },
    ]);
    const refused = [{ code: "reference", state: "23503", constraint: "fk_customer", column: "customer", rows: 1 }];
    expect(written.table).toMatchObject({ isRowByRow: true, refused });
  });

  test("the report ends at its limit, and further errors are only counted", async () => {
    const { batch, commit } = await deliveryOf(db(), ordersPlan(), [
      { no: 1, customer: 9 },
      { no: 2 },
      { no: 3, customer: 9 },
    ]);
    Object.assign(commit.table ?? {}, { faultsLeft: 1 });
    const written = await db().store.commitChunk(commit);
    expect(written?.batch).toMatchObject({ rejected: 2, unlisted: 1, faults: 1, accepted: 1, created: 1 });
    expect(await codesOf(db(), batch)).toEqual([[1, "reference", "customer"]]);
    expect(await recordsOf(db(), batch)).toEqual([2]);
  });

  const failures: [string, string[], "busy" | "gone", string][] = [
    ["the table is gone", ["DROP TABLE orders"], "gone", "42P01"],
    ["a column is gone", ["ALTER TABLE orders DROP amount"], "gone", "42703"],
    [
      "a sequence is exhausted",
      ["CREATE SEQUENCE few MAXVALUE 2 START 2", "ALTER TABLE orders ADD id int DEFAULT nextval('few')"],
      "busy",
      "2200H",
    ],
    [
      "a column that no field fills overflows",
      ["ALTER TABLE orders ADD big int", "ALTER TABLE orders ALTER big SET DEFAULT (random() + 3000000000)::int"],
      "busy",
      "22003",
    ],
    [
      "a trigger meets a deadlock",
      trigger("BEFORE INSERT", "RAISE EXCEPTION USING ERRCODE = '40P01';"),
      "busy",
      "40P01",
    ],
  ];
  test.each(failures)("%s: nothing is written, and no record is to blame", async (_what, ddl, kind, state) => {
    await run(db(), ...ddl);
    const { batch, commit } = await deliveryOf(db(), ordersPlan(), [{ no: 1 }, { no: 2 }]);
    const error = await db()
      .store.commitChunk(commit)
      .catch((thrown: unknown) => thrown);
    await tables();
    await run(db(), "DROP SEQUENCE IF EXISTS few CASCADE", "DROP FUNCTION IF EXISTS told CASCADE");
    expect(error).toBeInstanceOf(TableFailure);
    expect(error).toMatchObject({ kind, state });
    expect(await db().store.batch(batch.publicId, null)).toMatchObject({ nextChunk: 0, accepted: 0, fence: 1 });
    expect((await db().store.commitChunk(commit))?.batch).toMatchObject({ nextChunk: 1, created: 2 });
    expect(await rowsOf(db())).toHaveLength(2);
  });

  test.each<[TablePlan["mode"], string[]]>([
    ["upsert", []],
    ["ignore", []],
    // Written row by row.
    ["update", ["CREATE UNIQUE INDEX by_email ON orders (email)"]],
  ])("%s: if the key's index is dropped and the key finds two rows, nothing is written", async (mode, ddl) => {
    await run(
      db(),
      ...ddl,
      "ALTER TABLE orders DROP CONSTRAINT orders_pkey",
      "INSERT INTO orders (no) VALUES (1), (1)",
    );
    const { commit } = await deliveryOf(db(), ordersPlan({ mode }), [{ no: 1, city: "Faro" }]);
    await expect(db().store.commitChunk(commit)).rejects.toMatchObject({ kind: "gone", state: "42P10" });
    expect(await rowsOf(db())).toMatchObject([{ city: "Lisboa" }, { city: "Lisboa" }]);
  });
}
