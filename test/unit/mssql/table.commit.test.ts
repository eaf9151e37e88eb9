/**
 * The promise: a chunk and its rows in a company's own table go to SQL Server in one transaction, first the rows and then the
 * COMMIT.
 */

import type { Sql, Staged } from "../../../database/dialects/mssql/sql.ts";
import { mssqlStore } from "../../../database/dialects/mssql/store.ts";
import { failureOf } from "../../../database/dialects/mssql/table/states.ts";
import type { Together } from "../../../database/dialects/mssql/together.ts";
import { TableFailure } from "../../../database/errors.ts";
import type { TablePlan } from "../../../database/targets/target.ts";
import { recordPlaces } from "../../../formats/parts.ts";
import { chunkCommit, end } from "./statements.kit.ts";
import { faultsIn, full, plainer, plan, short } from "./table.kit.ts";

/** A connection that gives these answers in turn, and notes what it is sent. */
function recorded(...answers: unknown[][][]) {
  const sent: string[] = [];
  const run = async (text: string) => {
    sent.push(text);
    return answers.shift() ?? [[]];
  };
  const unit: Together = {
    async load(tables: Staged[]) {
      sent.push(`load ${tables.map(({ name, rows }) => `${name} ${rows.length}`).join(", ")}`);
    },
    run,
    runOwn: (text) => run(`own: ${text}`),
  };
  const sql = { together: (work: (of: Together) => Promise<unknown>) => work(unit) };
  // Only the commit into a table is used, and it needs no other part of the store.
  return { store: mssqlStore(sql as unknown as Sql), sent };
}

const commitOf = (about: Partial<TablePlan> = {}, over = {}) => {
  const rows = [full, short];
  const data = Buffer.from("{}\n{}");
  const origins = recordPlaces({ firstLine: 1, records: 2, data, oversized: [] }, "ndjson", {});
  const sent = { format: "ndjson", envelope: {}, cells: null } as const;
  const table = { plan: plan(about), rows, keys: null, origins, sent, faultsLeft: 10, pieceRows: null };
  const counts = { accepted: 2, rejected: 0, duplicate: 0 };
  return chunkCommit({ id: 7, text: data, counts, table, ...over });
};
const counts = (over = {}) => [{ created: 2, updated: 0, deleted: 0, number: null, next: null, again: 0, ...over }];
const words = [
  "sys.foreign_keys",
  "INTO #typed FROM",
  "DENSE_RANK",
  "round = n",
  "SAVE TRAN",
  "BEGIN TRAN",
  "own:",
  "DELETE FROM #typed",
];
const story = (sent: string[]) =>
  sent.map((text) => (text.startsWith("load") ? text : words.find((word) => text.includes(word))));

test("the table comes first, then DataFlow's rows and the COMMIT in one batch, which undoes all where the fence is another", async () => {
  const { store, sent } = recorded([[]], [], [[]], [counts(), []], [[]]);
  expect(await store.commitChunk(commitOf({ mode: "upsert" }, { end: end() }))).toBeNull();
  expect(story(sent)).toEqual([
    "sys.foreign_keys",
    "load #rows 2",
    "INTO #typed FROM",
    "DENSE_RANK",
    "BEGIN TRAN",
    "load #commits 1, #events 1, #records 2",
    "own:",
  ]);
  const last = sent.at(-1) as string;
  expect(last).not.toContain("BEGIN TRAN");
  expect(last).toMatch(/IF EXISTS \(SELECT 1 FROM @mine\)\n {2}COMMIT;\nELSE\n {2}ROLLBACK;\nSELECT [^;]*;$/);
  expect(faultsIn([plainer(last.replace("own: ", ""))])).toEqual([]);
});

test("after the error of a row all are written one by one, and the refused ones are told", async () => {
  const fault = { rank: 1, number: 547, told: 'conflicted with the FOREIGN KEY constraint "fk_city". The …' };
  const traits = [{ name: "fk_city", kind: "reference", column: "city" }];
  const { store, sent } = recorded(
    [traits],
    [],
    [[]],
    [counts({ number: 547 }), []],
    [],
    [counts({ created: 1 }), [], [fault]],
  );
  await store.commitChunk(commitOf());
  expect(story(sent).slice(4)).toEqual([
    "BEGIN TRAN",
    "round = n",
    "SAVE TRAN",
    "load #commits 1, #records 1, #errors 1, #grouped 1",
    "own:",
  ]);
  expect(sent.at(-1)).toContain("DECLARE @step BIGINT = ");
});

test("rows of a table that refers to itself are written one by one at once", async () => {
  const traits = [{ name: "fk_self", kind: "itself", column: "city" }];
  const { store, sent } = recorded([traits], [], [[]], [], [counts(), [], []]);
  await store.commitChunk(commitOf());
  expect(story(sent).slice(4, 6)).toEqual(["round = n", "SAVE TRAN"]);
});

test("many rounds are several requests of one transaction", async () => {
  const { store, sent } = recorded(
    [[]],
    [],
    [[]],
    // A trigger of the table has answered with rows first.
    [[{ hello: "world" }], counts({ created: 1, next: 200 }), []],
    [counts({ created: 1 }), []],
  );
  await store.commitChunk(commitOf());
  const [first, second, ...rest] = sent.slice(4);
  expect([first, second].map((text) => text?.includes("BEGIN TRAN;"))).toEqual([true, false]);
  expect([first, second].map((text) => /s\.round >= (\d+)/.exec(text ?? "")?.[1])).toEqual(["0", "200"]);
  expect(rest).toEqual(["load #commits 1, #records 2", expect.stringContaining("COMMIT;")]);
});

test("after an error that has ended the transaction all begins again without the rows found", async () => {
  const traits = [{ name: "fk_self", kind: "itself", column: "city" }];
  const fault = { rank: 1, number: 50_000, told: "no" };
  const { store, sent } = recorded(
    [traits],
    [],
    [[]],
    [],
    [counts({ again: 1, next: 1 }), [], [fault]],
    [],
    [counts({ created: 1 }), [], []],
  );
  await store.commitChunk(commitOf());
  expect(story(sent).slice(4, 8)).toEqual(["round = n", "SAVE TRAN", "DELETE FROM #typed", "SAVE TRAN"]);
  expect(sent[6]).toContain("N'[1]'");
  expect(sent[7]).toContain("BEGIN TRAN;");
  expect(sent.at(-2)).toContain("#errors 1");
});

test("commits into tables are never grouped", async () => {
  // Both commits run at the same time.
  const answers = [[[]], [], [[]], [counts(), []], [[]]].flatMap((one) => [one, structuredClone(one)]);
  const { store, sent } = recorded(...answers);
  await store.commitChunks([commitOf(), commitOf()]);
  expect(sent.filter((text) => text.startsWith("own:"))).toHaveLength(2);
});

test.each([
  [208, "gone"],
  [229, "gone"],
  [1205, "busy"],
  [1222, "busy"],
  [8115, "busy"],
])("error %d is of no row: the table is %s", async (number, kind) => {
  const { store } = recorded([[]]);
  const commit = commitOf();
  Object.defineProperty(commit.table, "rows", {
    get: () => {
      throw Object.assign(new Error("secret"), { number });
    },
  });
  const error = await store.commitChunk(commit).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TableFailure);
  expect(error).toMatchObject({ kind, state: String(number) });
  expect((error as Error).message).not.toContain("secret");
  expect(failureOf(number, plan().table).message).toContain(`(${number})`);
});
