/**
 * Promise: rows of a company's own table on SQL Server are written by T-SQL that parses, first the table and then DataFlow's own rows with
 * the COMMIT. No SQL Server runs with these tests: test/integration/mssql/table.test.ts shows what the statements do.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Sql, Staged } from "../../../database/dialects/mssql/sql.ts";
import { mssqlStore } from "../../../database/dialects/mssql/store.ts";
import * as elsewhere from "../../../database/dialects/mssql/table/elsewhere.ts";
import { failureOf } from "../../../database/dialects/mssql/table/states.ts";
import { nameIn, traitsText } from "../../../database/dialects/mssql/table/traits.ts";
import { makeText, roundsText, typeText } from "../../../database/dialects/mssql/table/typed.text.ts";
import { aloneText, togetherText, withoutText } from "../../../database/dialects/mssql/table/write.text.ts";
import type { Together } from "../../../database/dialects/mssql/together.ts";
import { TableFailure } from "../../../database/errors.ts";
import { patternsOf } from "../../../database/targets/stage.ts";
import { partsOf } from "../../../database/targets/staged.text.ts";
import { type TablePlan, tableModes } from "../../../database/targets/target.ts";
import { recordPlaces } from "../../../formats/parts.ts";
import type { TableRow } from "../../../services/batch/batch.table.domain.ts";
import { column, planOf, tableOf } from "../../helpers/targets.ts";
import { chunkCommit, end } from "./statements.kit.ts";

const columns = [
  column("no", { kind: "integer", type: "int", isNotNull: true }),
  column("at]", { kind: "timestamp", type: "datetime2(3)" }),
  column("city", { kind: "text", type: "nvarchar(20)", hasDefault: true }),
];

function plan(about: Partial<TablePlan> = {}): TablePlan {
  const of = planOf(columns, { key: ["no"], ...about });
  return { ...of, table: tableOf(columns, { dialect: "mssql", schema: "dbo", name: "o'rders" }) };
}

const full: TableRow = { values: ["1", null, "Faro"], isDelete: false };
const short: TableRow = { values: ["2", "2026-11-29 10:00:00", undefined], isDelete: false };
const gone: TableRow = { values: ["3", undefined, undefined], isDelete: true };
const rowsFor = ({ mode, delete: marker }: TablePlan) => {
  if (mode === "delete") return [gone];
  return marker ? [full, short, gone] : [full, short];
};

const marked = { path: ["op"], values: ["D"] };
const variants: [string, Partial<TablePlan>][] = [
  ...tableModes.map((mode): [string, Partial<TablePlan>] => [mode, { mode }]),
  [
    "upsert with a marker, newer and null",
    { mode: "upsert", absent: "null", delete: marked, newer: plan().columns[1] ?? null },
  ],
  ["upsert of the key alone", { mode: "upsert", columns: plan().columns.slice(0, 1) }],
  ["insert where all is left out", { mode: "insert", key: [], columns: plan().columns.slice(2) }],
];

function textsOf(about: Partial<TablePlan>) {
  const of = plan(about);
  const rows =
    of.columns.length === 1 && of.key.length === 0 ? [{ values: [undefined], isDelete: false }] : rowsFor(of);
  const parts = partsOf(of);
  const { patterns } = patternsOf(rows);
  return {
    make: makeText(of, parts),
    type: `${typeText(parts)}\n${roundsText(of, parts, null)}`,
    pieces: roundsText(of, parts, 100),
    together: togetherText(of, parts, patterns, 0),
    alone: aloneText(of, parts, patterns, 0),
    later: aloneText(of, parts, patterns, 200),
  };
}

test.each(variants)("%s", (_name, about) => {
  const { together, alone } = textsOf(about);
  expect(`\n${together}\n\n-- alone\n\n${alone}\n`).toMatchSnapshot();
});

test("rows are typed by the table, and numbered in rounds of different keys", () => {
  const { make, type, pieces } = textsOf({ mode: "upsert" });
  expect(`\n${[make, type, pieces, traitsText(plan().table)].join("\n\n")}\n`).toMatchSnapshot();
  expect(textsOf({ mode: "insert" }).type).not.toContain("PARTITION");
});

/** What the parser does not know. */
const plainer = (text: string) =>
  text
    .replaceAll(/\s+OPTION \([A-Z ,]+\)/g, "")
    .replaceAll(/ WITH \(UPDLOCK, HOLDLOCK\)/g, "")
    .replaceAll(/\bEND TRY\b/g, "END;")
    .replaceAll(/(BEGIN|END) (TRY|CATCH)\b/g, "$1")
    .replaceAll(/SAVE TRAN one_row/g, "SELECT 1")
    .replaceAll(/ROLLBACK TRAN one_row/g, "ROLLBACK")
    .replaceAll(/\bTHROW;/g, "SELECT 1;")
    .replaceAll(/CLUSTERED /g, "");

const faultsIn = (texts: string[]): string[] =>
  JSON.parse(
    execFileSync(process.execPath, [join(__dirname, "statements.parse.mjs")], {
      input: JSON.stringify(texts),
      encoding: "utf8",
    }),
  );

test("a parser of T-SQL takes every text, but for what it does not know", () => {
  const texts = variants.flatMap(([, about]) => Object.values(textsOf(about)));
  expect(faultsIn([...texts, traitsText(plan().table), withoutText([1, 2])].map(plainer))).toEqual([]);
});

test("no MERGE, and no statement that counts but right after what it counts", () => {
  for (const text of variants.flatMap(([, about]) => Object.values(textsOf(about)))) {
    expect(text).not.toMatch(/\bMERGE\b/);
    const statements = text.split(";\n");
    for (const [n, one] of statements.entries())
      if (one.includes("@@ROWCOUNT")) expect(statements[n - 1]).toMatch(/(?:^|\n)(?:UPDATE t|DELETE t|INSERT INTO \[)/);
  }
});

test("in another database the fence is beside the rows", () => {
  const { MAKE, ENTER, ADVANCE, LOOK, RAISE, FORGET, LIST } = elsewhere;
  const texts = [MAKE, ENTER, ADVANCE, LOOK, RAISE, FORGET, LIST];
  expect(`\n${texts.join("\n\n")}\n`).toMatchSnapshot();
  expect(faultsIn(texts.map(plainer))).toEqual([]);
});

test("a missing `dataflow_applied` is made by the first worker", async () => {
  const sent: string[] = [];
  const sql = {
    async all(text: string) {
      sent.push(text);
      if (sent.length === 1) throw Object.assign(new Error("secret"), { number: 208 });
      if (sent.length === 4) throw Object.assign(new Error("secret"), { number: 229 });
      return text === elsewhere.ENTER ? [{ fence: 1, nextChunk: 0, counts: null, refused: null }] : [];
    },
  };
  // Only this is asked of it.
  const table = elsewhere.appliedOn(sql as unknown as Sql, "crm");
  expect(await table.enter({ batch: "b", fence: 1, chunk: 0 })).toEqual({ fence: 1, nextChunk: 0, last: null });
  expect(sent).toEqual([elsewhere.ENTER, elsewhere.MAKE, elsewhere.ENTER]);
  await expect(table.make()).rejects.toMatchObject({ kind: "gone", message: expect.stringContaining("--applied crm") });
});

/** Answers in turn; writes down what it is sent. */
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
  // Of the store only the commit into a table is asked for, which needs no more of it.
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
    // A trigger has answered something first.
    [[{ hello: "world" }], counts({ created: 1, next: 200 }), []],
    [counts({ created: 1 }), []],
  );
  await store.commitChunk(commitOf());
  const [first, second, ...rest] = sent.slice(4);
  expect([first, second].map((text) => text?.includes("BEGIN TRAN;"))).toEqual([true, false]);
  expect([first, second].map((text) => /s\.round >= (\d+)/.exec(text ?? "")?.[1])).toEqual(["0", "200"]);
  expect(rest).toEqual(["load #commits 1, #records 2", expect.stringContaining("COMMIT;")]);
});

test("a text becomes money by a CAST, and no other type by one, for it would cut what is too long", () => {
  const price = column("price", { kind: "decimal", type: "smallmoney" });
  const text = typeText(partsOf(planOf([...columns, price])));
  expect(text).toContain("SELECT r.n, r.p, 0, r.c0, r.c1, r.c2, CAST(r.c3 AS smallmoney) FROM #rows");
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
  // Both go on at the same time.
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

test("the name in an error's text is the first that is in quotation marks, and never a value", () => {
  const text = "Violation of UNIQUE KEY constraint 'uq_b'. The duplicate key value is ('uq_a').";
  expect(nameIn(text, ["uq_a", "uq", "uq_b"])).toBe("uq_b");
  expect(nameIn("Cannot insert the value NULL into column 'city', table 'x'", ["no", "city"])).toBe("city");
  expect(nameIn("secret", ["secret"])).toBeNull();
});
