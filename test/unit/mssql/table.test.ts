/**
 * The promise: the T-SQL that writes rows into a company's own table parses. It writes the table first, and then DataFlow's own
 * rows with the COMMIT. No SQL Server runs with these tests: test/integration/mssql/table.test.ts shows what the statements do.
 */

import type { Sql } from "../../../database/dialects/mssql/sql.ts";
import * as elsewhere from "../../../database/dialects/mssql/table/elsewhere.ts";
import { nameIn, traitsText } from "../../../database/dialects/mssql/table/traits.ts";
import { makeText, roundsText, typeText } from "../../../database/dialects/mssql/table/typed.text.ts";
import { aloneText, togetherText, withoutText } from "../../../database/dialects/mssql/table/write.text.ts";
import { patternsOf } from "../../../database/targets/stage.ts";
import { partsOf } from "../../../database/targets/staged.text.ts";
import { type TablePlan, tableModes } from "../../../database/targets/target.ts";
import { column, planOf } from "../../helpers/targets.ts";
import { columns, faultsIn, full, gone, plainer, plan, short } from "./table.kit.ts";

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
    runs: roundsText(of, parts, null, [3, 7]),
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
  const { make, type, pieces, runs } = textsOf({ mode: "upsert" });
  expect(`\n${[make, type, pieces, runs, traitsText(plan().table)].join("\n\n")}\n`).toMatchSnapshot();
  expect(textsOf({ mode: "insert" }).type).not.toContain("PARTITION");
});

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
  // The test uses only this member.
  const table = elsewhere.appliedOn(sql as unknown as Sql, "crm");
  expect(await table.enter({ batch: "b", fence: 1, chunk: 0 })).toEqual({ fence: 1, nextChunk: 0, last: null });
  expect(sent).toEqual([elsewhere.ENTER, elsewhere.MAKE, elsewhere.ENTER]);
  await expect(table.make()).rejects.toMatchObject({ kind: "gone", message: expect.stringContaining("--applied crm") });
});

test("a text becomes money by a CAST, and no other type by one, for it would cut what is too long", () => {
  const price = column("price", { kind: "decimal", type: "smallmoney" });
  const text = typeText(partsOf(planOf([...columns, price])));
  expect(text).toContain("SELECT r.n, r.p, 0, r.c0, r.c1, r.c2, CAST(r.c3 AS smallmoney) FROM #rows");
});

test("the name in an error's text is the first that is in quotation marks, and never a value", () => {
  const text = "Violation of UNIQUE KEY constraint 'uq_b'. The duplicate key value is ('uq_a').";
  expect(nameIn(text, ["uq_a", "uq", "uq_b"])).toBe("uq_b");
  expect(nameIn("Cannot insert the value NULL into column 'city', table 'x'", ["no", "city"])).toBe("city");
  expect(nameIn("secret", ["secret"])).toBeNull();
});
