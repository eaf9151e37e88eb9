/**
 * Tables as T-SQL: DataFlow's own, beside those of the other dialects, and the table that a dataset asks for. No SQL Server is
 * needed.
 */
import type { Ddl } from "../../../database/dialect.ts";
import { ddl } from "../../../database/dialects/mssql/ddl.ts";
import { migrations } from "../../../database/migrations/migrate.ts";
import { textOf } from "../../integration/targets/create.kit.ts";

async function statements(of: Ddl): Promise<string[]> {
  const told: string[] = [];
  const query = async (sql: string) => void told.push(sql);
  for (const step of migrations) await step.up({ ddl: of, query });
  return told;
}

test("all steps", async () => {
  expect((await statements(ddl)).join("\n")).toMatchSnapshot();
});

test("an index of a large table is made online where the edition can", () => {
  const index = { name: "a_ix", table: "a", columns: ["b", "c"], where: '"b" IS NOT NULL' };
  expect(ddl.createIndex?.(index)).toBe(`IF SERVERPROPERTY('EngineEdition') IN (3, 5, 8)
  CREATE INDEX "a_ix" ON "a" ("b", "c") WHERE "b" IS NOT NULL WITH (ONLINE = ON)
ELSE
  CREATE INDEX "a_ix" ON "a" ("b", "c") WHERE "b" IS NOT NULL`);
});

/** Whether a statement changes tables. The others are bodies of triggers, and statements that fill tables. */
const isOfTables = (statement: string) => !/^((CREATE|DROP) TRIGGER|INSERT|UPDATE|IF) /.test(statement);

test("every name is quoted, so that none is a word of T-SQL", async () => {
  const words =
    /^(CREATE|UNIQUE|INDEX|TABLE|ALTER|ADD|DROP|COLUMN|ON|WHERE|IS|NOT|NULL|CONSTRAINT|SET|LOCK_ESCALATION|DISABLE|PRIMARY|KEY|DEFAULT|IDENTITY|COLLATE|Latin1_General_100_BIN2|MAX|BIGINT|INT|FLOAT|UNIQUEIDENTIFIER|NVARCHAR|BINARY|VARBINARY|\d+)$/;
  for (const statement of (await statements(ddl)).filter(isOfTables)) {
    const bare = statement.replaceAll(/"[a-z0-9_]+"|'[^']*'/g, " ").match(/\w+/g) ?? [];
    expect(bare.filter((word) => !words.test(word))).toEqual([]);
  }
});

/** The bytes of a key's columns. SQL Server allows 900 in a clustered key and 1,700 in another index, and no NVARCHAR(MAX). */
const widths: [RegExp, number][] = [
  [/^NVARCHAR\((\d+)\)/, 2],
  [/^(?:VAR)?BINARY\((\d+)\)/, 1],
];
function widthOf(type: string): number {
  if (/^(BIGINT|FLOAT)/.test(type)) return 8;
  if (/^INT/.test(type)) return 4;
  if (/^UNIQUEIDENTIFIER/.test(type)) return 16;
  for (const [pattern, bytes] of widths) {
    const [, length] = pattern.exec(type) ?? [];
    if (length) return Number(length) * bytes;
  }
  return Number.POSITIVE_INFINITY;
}

test("every key fits", async () => {
  const types = new Map<string, string>();
  const keys: [table: string, names: string, most: number][] = [];
  for (const statement of await statements(ddl)) {
    const table = /(?:TABLE|ON) "(\w+)"/.exec(statement)?.[1] ?? "";
    for (const [, name, type = ""] of statement.matchAll(
      /"(\w+)" ((?:BIGINT|INT|FLOAT|UNIQUEIDENTIFIER|N?VAR\w+|BINARY)[^,]*)/g,
    ))
      types.set(`${table}.${name}`, type);
    for (const [, names = ""] of statement.matchAll(/PRIMARY KEY \(([^)]*)\)/g)) keys.push([table, names, 900]);
    for (const [, names = ""] of statement.matchAll(/UNIQUE \(([^)]*)\)/g)) keys.push([table, names, 1700]);
    const index = /^CREATE (?:UNIQUE )?INDEX "\w+" ON "\w+" \(([^)]*)\)/.exec(statement);
    if (index?.[1]) keys.push([table, index[1], 1700]);
  }
  expect(keys.length).toBeGreaterThan(25);
  for (const [table, names, most] of keys) {
    const columns = names.match(/\w+/g) ?? [];
    const width = columns.reduce((sum, name) => sum + widthOf(types.get(`${table}.${name}`) ?? ""), 0);
    expect({ table, names, fits: width <= most }).toEqual({ table, names, fits: true });
  }
});

test("a dataset's table has a key of text that is short enough for an index", () => {
  expect(textOf("mssql")).toBe(`IF OBJECT_ID(N'[s].[o"]]; --]') IS NULL
CREATE TABLE [s].[o"]]; --] (
  [no] nvarchar(40) NOT NULL,
  [qty] bigint,
  [price] decimal(38,10),
  [paid] bit,
  [day] date,
  [at] datetimeoffset(7),
  [ref] uniqueidentifier,
  [lines] nvarchar(max),
  [address] nvarchar(max),
  [any] nvarchar(max),
  PRIMARY KEY ([no])
)`);
  expect(textOf("mssql", { key: ["any", "no"] })).toContain("[any] nvarchar(225) NOT NULL");
  expect(textOf("mssql", { key: null, mode: "insert" })).toContain("[id] bigint IDENTITY(1,1) NOT NULL PRIMARY KEY");
});
