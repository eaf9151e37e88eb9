/** The promise: an upsert on SQLite looks for its row first only if an update does not show whether the row exists. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Sql } from "../../../database/dialects/sqlite/sql.ts";
import { written } from "../../../database/dialects/sqlite/table/write.ts";
import { plain } from "../../../database/schema/names.ts";
import type { TablePlan } from "../../../database/targets/target.ts";
import { column, planOf } from "../../helpers/targets.ts";

/** A database that notes the first words of the statements on the table. */
class Told extends DatabaseSync {
  readonly words: string[] = [];
  override prepare(text: string): StatementSync {
    if (text.includes("orders")) this.words.push(text.slice(0, text.indexOf(" ")));
    return super.prepare(text);
  }
}

const columns = [column("no", { kind: "integer" }), column("city", { kind: "text" })];
const values = (...given: (string | undefined)[]) => ({ values: given, isDelete: false });
const deletion = { values: ["1", undefined], isDelete: true };
const both = [values("1", "a"), values("2", "b")];

function after(over: Partial<TablePlan>, rows: (typeof deletion)[], ...ddl: string[]) {
  const db = new Told(":memory:");
  db.exec("CREATE TABLE orders (no INTEGER PRIMARY KEY, city TEXT); INSERT INTO orders VALUES (1, 'x')");
  for (const sql of ddl) db.exec(sql);
  const plan = planOf(columns, { mode: "upsert", key: ["no"], ...over });
  const table = { ...plan.table, dialect: "sqlite", schema: "main", name: "orders" } as const;
  const outcome = written(new Sql(db, plain), { plan: { ...plan, table }, rows }, []);
  const { words } = db;
  const cities = db
    .prepare("SELECT no, city FROM orders ORDER BY no")
    .all()
    .map((row) => Object.values(row));
  db.close();
  return { words: words.slice(0, -1), cities, outcome };
}

test("rows are updated, and what changes none is inserted", () => {
  const { words, cities, outcome } = after({}, both);
  expect(words).toEqual(["UPDATE", "INSERT"]);
  expect(cities).toEqual([
    [1, "a"],
    [2, "b"],
  ]);
  expect(outcome).toMatchObject({ created: 1, updated: 1, refused: [] });
});

test("a record with nothing but its key is looked for", () => {
  const { cities, outcome } = after({}, [values("1", undefined), values("2", undefined)]);
  expect(cities).toEqual([
    [1, "x"],
    [2, null],
  ]);
  expect(outcome).toMatchObject({ created: 1, updated: 1, refused: [] });
});

test("a record that deletes is looked for", () => {
  const { cities, outcome } = after({}, [deletion, deletion]);
  expect(cities).toEqual([]);
  expect(outcome).toMatchObject({ deleted: 1, passed: [1] });
});

test("with `newer` the row is looked for", () => {
  const newer = { column: columns[1] as (typeof columns)[0], source: { path: ["city"] } };
  const { cities, outcome } = after({ newer }, both);
  expect(cities).toEqual([
    [1, "x"],
    [2, "b"],
  ]);
  expect(outcome).toMatchObject({ created: 1, updated: 0, passed: [0] });
});

test("with a trigger the row is looked for: one that swallows an update refuses its record", () => {
  const { cities, outcome } = after(
    {},
    both,
    "CREATE TRIGGER t BEFORE UPDATE ON orders BEGIN SELECT RAISE(IGNORE); END",
  );
  expect(cities).toEqual([
    [1, "x"],
    [2, "b"],
  ]);
  expect(outcome).toMatchObject({ created: 1, updated: 0, refused: [{ rank: 0, code: "constraint" }] });
});
