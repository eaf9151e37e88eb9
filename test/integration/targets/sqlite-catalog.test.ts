/**
 * The promise: SQLite's catalog says what the columns of a table hold, which keys find a row, and which tables no dataset can
 * write.
 */
import { DatabaseSync } from "node:sqlite";
import { errorOf, failureOf } from "../../../database/dialects/sqlite/failure.ts";
import { orBusy, TableDatabaseAway, type TargetDatabases } from "../../../database/targets/databases.ts";
import type { TargetTable } from "../../../database/targets/target.ts";
import { freshDatabase, type TestDatabase } from "../../helpers/database.ts";
import { made } from "./create.kit.ts";
import { columnsOf, described, targetsOf } from "./kit.ts";

let database: TestDatabase;
let targets: TargetDatabases;
const run = (text: string) => database.db.sequelize.query(text);
const look = (name: string) => described(targets, name);

beforeAll(async () => {
  database = await freshDatabase();
  targets = targetsOf(database.db);
});
afterAll(async () => {
  await targets.close();
  await database.remove();
});

const whole = { range: { least: "-9223372036854775808", most: "9223372036854775807" } };

test("columns have kinds by their affinity, and by what their type means in other databases", async () => {
  await run(`CREATE TABLE kinds (id INTEGER PRIMARY KEY, i INT NOT NULL DEFAULT NULL, big UNSIGNED BIG INT DEFAULT 1, t VARCHAR(3), d DECIMAL(10,2),
    f DOUBLE PRECISION, b BOOLEAN, day DATE, at DATETIME, ti TIME, u UUID, j JSON, bl BLOB, x, v TEXT AS (t || t), s TEXT AS (t) STORED)`);
  expect(columnsOf(await look("KINDS"))).toEqual({
    id: { kind: "integer", type: "INTEGER", ...whole, hasDefault: true },
    i: { kind: "integer", type: "INT", ...whole, isNotNull: true },
    big: { kind: "integer", type: "UNSIGNED BIG INT", ...whole, hasDefault: true },
    t: { kind: "text", type: "VARCHAR(3)" },
    d: { kind: "decimal", type: "DECIMAL(10,2)", ...whole },
    f: { kind: "float", type: "DOUBLE PRECISION", precision: 53 },
    b: { kind: "boolean", type: "BOOLEAN" },
    day: { kind: "date", type: "DATE" },
    at: { kind: "timestamp", type: "DATETIME" },
    ti: { kind: "time", type: "TIME" },
    u: { kind: "uuid", type: "UUID" },
    j: { kind: "json", type: "JSON" },
    bl: { kind: "other", type: "BLOB" },
    x: { kind: "other", type: "no type" },
    v: { kind: "text", type: "TEXT", isReadOnly: true },
    s: { kind: "text", type: "TEXT", isReadOnly: true },
  });
});

test("a STRICT table has exactly the types that it names; keys of a table WITHOUT ROWID are not null", async () => {
  await run(`CREATE TABLE tight (a TEXT, b ANY, c REAL, PRIMARY KEY (b, a)) STRICT, WITHOUT ROWID`);
  const table = (await look("tight")) as TargetTable;
  expect(columnsOf(table)).toEqual({
    a: { kind: "text", type: "TEXT", isNotNull: true },
    b: { kind: "other", type: "ANY", isNotNull: true },
    c: { kind: "float", type: "REAL", precision: 53 },
  });
  expect(table.keys).toEqual([{ name: "PRIMARY KEY", columns: ["b", "a"], isPrimary: true }]);
});

test("keys are full and unique; an INTEGER PRIMARY KEY is the rowid, which fills itself", async () => {
  await run(`CREATE TABLE keyed (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT, UNIQUE (b, a))`);
  await run(`CREATE UNIQUE INDEX keyed_c ON keyed (c)`);
  await run(`CREATE UNIQUE INDEX keyed_partial ON keyed (a) WHERE b > 0`);
  await run(`CREATE UNIQUE INDEX keyed_expression ON keyed (lower(a))`);
  await run(`CREATE INDEX keyed_plain ON keyed (a)`);
  const { keys } = (await look("keyed")) as TargetTable;
  expect(keys).toEqual([
    { name: "PRIMARY KEY", columns: ["id"], isPrimary: true },
    { name: "keyed_c", columns: ["c"], isPrimary: false },
    { name: "sqlite_autoindex_keyed_1", columns: ["b", "a"], isPrimary: false },
  ]);
  await run(`CREATE TABLE texts (id INT PRIMARY KEY)`);
  expect(columnsOf(await look("texts"))).toEqual({ id: { kind: "integer", type: "INT", ...whole } });
});

test.each([
  [
    "late",
    "id INTEGER PRIMARY KEY, k INT REFERENCES keyed (id) DEFERRABLE INITIALLY DEFERRED",
    [/deferred foreign key/],
  ],
  ["soon", "k INT REFERENCES keyed (id) DEFERRABLE INITIALLY IMMEDIATE", []],
  ["never", "k INT REFERENCES keyed (id) NOT DEFERRABLE INITIALLY DEFERRED", []],
  ["swallows", "a TEXT UNIQUE ON CONFLICT REPLACE", [/ON CONFLICT/]],
  [
    "says",
    "a TEXT DEFAULT 'ON CONFLICT IGNORE' /* ON CONFLICT FAIL */, \"ON CONFLICT ABORT\" TEXT -- INITIALLY DEFERRED\n",
    [],
  ],
])("%s: the catalog says why no dataset can write the table", async (name, columns, hindrances) => {
  await run(`CREATE TABLE "${name}" (${columns})`);
  expect(await look(name)).toMatchObject({ hindrances: hindrances.map((one) => expect.stringMatching(one)) });
});

test("no dataset can write a table to which a deferred foreign key refers", async () => {
  await run(`CREATE TABLE parent (id INTEGER PRIMARY KEY)`);
  await run(`CREATE TABLE child (p INT REFERENCES Parent (id) DEFERRABLE INITIALLY DEFERRED)`);
  expect(await look("parent")).toMatchObject({ hindrances: [expect.stringMatching(/^the table child refers to it/)] });
});

test("constraints that SQLite names: CHECKs and unique indexes", async () => {
  await run(`CREATE TABLE named (a INT CONSTRAINT low CHECK (a < 5), b INT, CONSTRAINT "b ""is"" low" CHECK (b < 5),
    CONSTRAINT fk FOREIGN KEY (a) REFERENCES keyed (id), CONSTRAINT uq UNIQUE (b))`);
  await run(`CREATE UNIQUE INDEX named_a ON named (a)`);
  expect(await look("named")).toMatchObject({ toldConstraints: ["low", 'b "is" low', "named_a"] });
});

test("names ignore case; views and DataFlow's own tables are refused", async () => {
  const odd = 'o"; DROP TABLE kinds; --.ö';
  await run(`CREATE TABLE "${odd.replaceAll('"', '""')}" ("c""; --" int)`);
  expect(await look(`MAIN."${odd.replaceAll('"', '""')}"`)).toMatchObject({ name: odd, columns: [{ name: 'c"; --' }] });
  await run("CREATE VIEW seen AS SELECT 1 AS a");
  await run("CREATE VIRTUAL TABLE words USING fts5(a)");
  expect(await look("seen")).toMatch(/^is a view/);
  expect(await look("words")).toMatch(/^is a virtual table/);
  expect(await look("words_data")).toMatch(/^is a virtual table/);
  expect(await look("sqlite_schema")).toMatch(/SQLite's own/);
  expect(await look("temp.kinds")).toMatch(/schema main alone/);
  expect(await look("nope")).toMatch(/no such table/);
  for (const own of ["batch", "RECORD", "main.policy"]) expect(await look(own)).toMatch(/DataFlow's own/);
  await run("CREATE TABLE my_batch (a)");
  expect(await look("my_batch")).toMatchObject({ name: "my_batch" });
  await run("CREATE TABLE my_schema_migration (a)");
  await run("CREATE TABLE my_batch_work (a)");
  expect(await look("my_batch")).toMatch(/DataFlow's own/);
});

describe("another file", () => {
  const other = () => `${database.file}.other`;
  const asked = () =>
    targetsOf(database.db, { databases: [{ name: "local", url: `sqlite:${other()}` }], allowed: "local:orders" });

  test("counts as away if it does not exist, and is not created", async () => {
    await expect(described(asked(), "orders", "local")).rejects.toMatchObject({
      name: "TableDatabaseAway",
      database: "local",
    });
    await expect(described(asked(), "orders", "local")).rejects.toThrow(/no file/);
  });

  test("is used by its name, also while other programs have it open", async () => {
    const db = new DatabaseSync(other());
    try {
      db.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY)");
      expect(await described(asked(), "orders", "local")).toMatchObject({ database: "local", schema: "main" });
      db.exec("BEGIN EXCLUSIVE");
      const waits = described(asked(), "orders", "local");
      setImmediate(() => db.exec("COMMIT"));
      expect(await waits).toMatchObject({ database: "local" });
    } finally {
      db.close();
    }
  });

  test("counts as locked, not as away, while another program writes for too long", async () => {
    const [first, second] = [new DatabaseSync(other()), new DatabaseSync(other(), { timeout: 0 })];
    try {
      first.exec("BEGIN IMMEDIATE");
      const asked = async () => second.exec("BEGIN IMMEDIATE");
      const failing = asked().catch((error: unknown) => {
        throw new TableDatabaseAway("local", errorOf(failureOf(error)));
      });
      await expect(orBusy(failing)).rejects.toThrow('"local" is locked: somebody else writes it');
    } finally {
      first.close();
      second.close();
    }
  });
});

test("a missing table is made by the schema: numbers are text, which keeps their digits", async () => {
  const table = await made(targets, { name: '"made ""; --"' });
  const types = Object.entries(columnsOf(table)).map(([name, { type }]) => [name, type]);
  expect(types).toEqual([
    ["no", "TEXT"],
    ["qty", "INTEGER"],
    ["price", "TEXT"],
    ["paid", "BOOLEAN"],
    ["day", "DATE"],
    ["at", "TIMESTAMP"],
    ["ref", "TEXT"],
    ["lines", "TEXT"],
    ["address", "TEXT"],
    ["any", "TEXT"],
  ]);
  expect(table.keys).toEqual([{ name: expect.any(String), columns: ["no"], isPrimary: true }]);
  const messages = { fk: { message: "No such customer." } };
  await expect(made(targets, { name: "with_messages", messages })).rejects.toThrow("/table/messages/fk");
  const bare = await made(targets, { name: "bare", mode: "insert", key: null, delete: null, columns: { ID: "no" } });
  expect(bare.keys).toEqual([{ name: "PRIMARY KEY", columns: ["row_id"], isPrimary: true }]);
});
