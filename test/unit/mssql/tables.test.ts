/** The promise: T-SQL that parses reads a table from SQL Server's catalog, and the answers become columns, keys and limits. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Database } from "../../../database/database.ts";
import { TargetDatabases } from "../../../database/targets/databases.ts";
import { listTables } from "../../../database/targets/list.ts";
import { describeMssql } from "../../../database/targets/mssql/catalog.ts";
import { mssqlKeys, mssqlUnknown } from "../../../database/targets/mssql/references.ts";
import { columnType } from "../../../database/targets/mssql/types.ts";
import { planTable } from "../../../database/targets/plan.ts";
import type { TableDocument } from "../../../database/targets/target.ts";
import { batchRowsOf, referencesTo, removeRows } from "../../../database/targets/undo.ts";
import type { BatchRows } from "../../../database/targets/undo.types.ts";
import { root } from "../../../root.cjs";
import { tableOf, column as targetColumn } from "../../helpers/targets.ts";
import { textOf } from "../../integration/targets/create.kit.ts";
import { says, tdsServer } from "./tds.ts";

const parse = (texts: string[]): string[] =>
  JSON.parse(
    execFileSync(process.execPath, [join(root, "test/unit/mssql/statements.parse.mjs")], {
      input: JSON.stringify(texts),
    }).toString(),
  );

/** Answers the queries in their order: the table, its columns, its keys, and indexes that drop rows. */
async function described(parts: string[], ...answers: unknown[][]) {
  const asked: { text: string; values: readonly unknown[] }[] = [];
  const found = await describeMssql(
    async (text, values) => {
      asked.push({ text, values });
      return (answers[asked.length - 1] ?? []) as never;
    },
    parts.map((text) => ({ text, isQuoted: false })),
  );
  return { asked, found };
}

const table = { id: 7, schema: "dbo", name: "orders", type: "U", beside: 0 };
const column = {
  name: "a",
  type: "int",
  length: 4,
  precision: 10,
  scale: 0,
  isNotNull: false,
  hasDefault: false,
  isReadOnly: false,
};

test("a table is asked for by its quoted name, and its parts by its id, in T-SQL", async () => {
  const { asked } = await described(["dbo", "a]; DROP TABLE x"], [table], [column], [], []);
  expect(asked.map(({ values }) => values)).toEqual([["[dbo].[a]]; DROP TABLE x]"], [7], [7], [7]]);
  const texts = asked.map(({ text }) => text.replaceAll("$1", "@p"));
  const made = [textOf("mssql"), textOf("mssql", { mode: "insert", key: null })];
  expect(parse([...texts, ...made.map((text) => text.slice(text.indexOf("CREATE")))])).toEqual([]);
});

test("tables that may be chosen are asked for with their columns in T-SQL, without DataFlow's own", async () => {
  const asked: { text: string; values: readonly unknown[] }[] = [];
  const of = (id: string, schema: string, name: string) => ({ id, schema, name });
  const own = ["schema_migration", "batch_work", "batch"].map((name, i) => of(`9${i}`, "dataflow", name));
  const answers = [
    [
      of("7", "dbo", "orders"),
      of("8", "dbo", "dataflow_applied"),
      ...own,
      of("6", "dbo", "my.batch"),
      of("5", "hr", "pay"),
    ],
    [{ id: "7", name: "no", type: "nvarchar", length: 40, precision: 0, scale: 0, isNullable: false, isKey: true }],
  ];
  const ask = async (text: string, values: readonly unknown[]) => {
    asked.push({ text, values });
    return answers[asked.length - 1] as never;
  };
  const allowed = ["dbo", "dataflow"].map((schema) => ({
    database: "crm",
    parts: [schema, "*"].map((text) => ({ text, isQuoted: false })),
  }));
  const database = { name: "crm", dialect: "mssql" as const, ask, send: ask as never };
  expect(await listTables(database, allowed, { limit: 9 })).toEqual([
    { name: 'dbo."my.batch"', columns: [] },
    { name: "dbo.orders", columns: [{ name: "no", type: "nvarchar(20)", isNullable: false, isKey: true }] },
  ]);
  expect(asked.map(({ values }) => values)).toEqual([[10_000], ['["6","7"]']]);
  expect(parse(asked.map(({ text }) => text.replaceAll("$1", "@p")))).toEqual([]);
  expect(await listTables({ ...database, name: null }, allowed, { limit: 9 })).toEqual([]);
});

test("foreign keys are asked for, and what they lead to is looked for, in T-SQL", () => {
  const type = { element: null, maxLength: null, precision: null, scale: null, range: null, values: null };
  const of = (name: string, text: string, kind: "text" | "integer") => ({ ...column, ...type, name, type: text, kind });
  const columns = [of("country", "varchar(2)", "text"), of("site", "int", "integer")];
  const orders = { dialect: "mssql", schema: "dbo", name: "orders" } as const;
  const asked = mssqlKeys({ ...orders, database: null, columns, keys: [], toldConstraints: null, hindrances: [] });
  expect(asked.values).toEqual(["[dbo].[orders]"]);
  const key = { name: "fk", schema: "dbo", table: "sites" };
  const rows = [
    { ...key, column: "country", parent: "country" },
    { ...key, column: "site", parent: "code" },
  ];
  const [{ columns: names, parentColumns } = { columns: [], parentColumns: [] }] = asked.made(rows);
  expect([names, parentColumns]).toEqual([
    ["country", "site"],
    ["country", "code"],
  ]);
  const parent = { schema: "dbo", name: "sites", columns: parentColumns };
  const look = mssqlUnknown({ constraint: "fk", columns: names, parent, own: null }, columns);
  expect(parse([asked.text, look].map((text) => text.replaceAll("$1", "@p")))).toEqual([]);
});

test("columns, keys and what drops rows are told", async () => {
  const keys = [
    { name: "PK_orders", isPrimary: true, column: "b" },
    { name: "PK_orders", isPrimary: true, column: "a" },
    { name: "UQ_c", isPrimary: false, column: "c" },
  ];
  const identity = { ...column, name: "id", isNotNull: true, isReadOnly: true };
  const { found } = await described(["orders"], [table], [column, identity], keys, [
    { name: "UX_drops", kind: "index" },
    { name: "TR_instead", kind: "trigger" },
  ]);
  expect(found).toMatchObject({
    table: {
      dialect: "mssql",
      schema: "dbo",
      name: "orders",
      columns: [
        { name: "a", kind: "integer", isNotNull: false },
        { name: "id", isNotNull: true, isReadOnly: true },
      ],
      keys: [
        { name: "PK_orders", columns: ["b", "a"], isPrimary: true },
        { name: "UQ_c", columns: ["c"], isPrimary: false },
      ],
      hindrances: [expect.stringContaining("UX_drops"), expect.stringMatching(/TR_instead stands INSTEAD OF/)],
    },
  });
});

test("rows of a batch are found by an index and deleted while nobody can refer to them, in T-SQL", async () => {
  const asked: { text: string; values: readonly unknown[] }[] = [];
  const staff = tableOf([targetColumn("no"), targetColumn("batch", { kind: "uuid", type: "uniqueidentifier" })], {
    dialect: "mssql",
    schema: "dbo",
    name: "staff",
  });
  const key = (constraint: string, by: string, column: string, parent: string) => ({
    constraint,
    schema: "dbo",
    table: by,
    column,
    parent,
  });
  const answers: object[][] = [
    [{ identity: "" }],
    [key("fk_boss", "staff", "boss", "no"), key("fk_car", "cars", "a", "x"), key("fk_car", "cars", "b", "y")],
    [{ n: 1 }],
    [],
    [{ n: 1 }],
    [],
    [{ n: 1 }],
  ];
  const ask = async (text: string, values: readonly unknown[]) => {
    asked.push({ text, values });
    return (answers[asked.length - 1] ?? []) as never;
  };
  const database = { name: "crm", dialect: "mssql", ask, send: async () => [] } as const;
  const document = {
    name: "staff",
    mode: "insert",
    columns: { batch: { meta: "batchId" } },
  } as unknown as TableDocument;
  const rows = (await batchRowsOf(database, document, async () => ({ table: staff }))) as BatchRows;
  expect(rows.referring).toMatchObject([
    { constraint: "fk_boss", columns: ["boss"], parentColumns: ["no"] },
    { constraint: "fk_car", columns: ["a", "b"], parentColumns: ["x", "y"] },
  ]);
  expect([await removeRows(database, rows, "b1"), await removeRows(database, rows, "b1")]).toEqual(["more", "stuck"]);
  expect(await referencesTo(database, rows, "b1")).toMatchObject([{ constraint: "fk_car" }]);
  expect(asked.map(({ values }) => values[0])).toEqual(["[dbo].[staff]", "[dbo].[staff]", ...Array(5).fill("b1")]);
  const texts = asked.map(({ text }) => text.replaceAll(/\$\d/g, "@p"));
  expect(parse(texts)).toEqual([]);
  expect(texts[2]).toMatchInlineSnapshot(`
"WITH d AS (SELECT TOP (1000) t.[batch] FROM [dbo].[staff] AS t WITH (READCOMMITTEDLOCK, READPAST, ROWLOCK)
  WHERE t.[batch] = CAST(@p AS uniqueidentifier) AND NOT EXISTS (SELECT 1 FROM [dbo].[staff] AS c WITH (HOLDLOCK) WHERE c.[boss] = t.[no] AND NOT (c.[no] = t.[no])) AND NOT EXISTS (SELECT 1 FROM [dbo].[cars] AS c WITH (HOLDLOCK) WHERE c.[a] = t.[x] AND c.[b] = t.[y]))
DELETE FROM d;
SELECT 1 AS n WHERE @@ROWCOUNT > 0"
`);
  expect(texts.slice(4).join("\n")).toMatchInlineSnapshot(`
"SELECT TOP (1) 1 AS n FROM [dbo].[staff] AS t WHERE t.[batch] = CAST(@p AS uniqueidentifier)
SELECT TOP (1) 1 AS n FROM [dbo].[staff] AS t JOIN [dbo].[staff] AS c ON c.[boss] = t.[no]
    WHERE t.[batch] = CAST(@p AS uniqueidentifier) AND (c.[batch] IS NULL OR c.[batch] <> t.[batch])
SELECT TOP (1) 1 AS n FROM [dbo].[staff] AS t JOIN [dbo].[cars] AS c ON c.[a] = t.[x] AND c.[b] = t.[y]
    WHERE t.[batch] = CAST(@p AS uniqueidentifier)"
`);
});

test.each([
  [[], { fault: expect.stringContaining("no such table"), isMissing: true }],
  [[{ ...table, type: "V" }], { fault: expect.stringContaining("is a view") }],
  [[{ ...table, name: "batch", beside: 2 }], { fault: expect.stringContaining("DataFlow's own") }],
])("%j is no table for a dataset", async (rows, fault) => {
  expect((await described(["x"], rows)).found).toEqual(fault);
});

test.each([
  ["nvarchar", 40, "nvarchar(20)", { kind: "text", maxLength: { units: "utf-16", most: 20 } }],
  ["varchar", 20, "varchar(20)", { kind: "text", maxLength: { units: "bytes", most: 20 } }],
  ["nvarchar", -1, "nvarchar(max)", { kind: "text", maxLength: null }],
  ["text", 16, "text", { kind: "text", maxLength: null }],
  ["tinyint", 1, "tinyint", { kind: "integer", range: { least: "0", most: "255" } }],
  ["decimal", 9, "decimal(10,2)", { kind: "decimal", precision: 10, scale: 2 }],
  ["money", 8, "money", { kind: "decimal", precision: 19, scale: 4 }],
  ["datetime", 8, "datetime", { kind: "timestamp", scale: 2 }],
  ["datetimeoffset", 10, "datetimeoffset(2)", { kind: "timestamptz", scale: 2 }],
  ["bit", 1, "bit", { kind: "boolean" }],
  ["uniqueidentifier", 16, "uniqueidentifier", { kind: "uuid" }],
  ["smalldatetime", 4, "smalldatetime", { kind: "other" }],
])("%s of %d bytes is %s", (type, length, text, bounds) => {
  expect(columnType({ type, length, precision: 10, scale: 2 })).toMatchObject({ type: text, ...bounds });
});

test.each<[string, string | null]>([
  ["varbinary(max)", "/table/columns/file"],
  ["binary(16)", "/table/columns/file"],
  ["image", "/table/columns/file"],
  ["xml", null],
])("whether anything goes into a column of type %s", (type, pointer) => {
  const files = tableOf([targetColumn("file", { kind: "other", type })], { dialect: "mssql" });
  const document: TableDocument = {
    ...{ database: null, name: "t", mode: "insert", key: null, absent: "keep", newer: null, delete: null },
    ...{ columns: { file: { value: null } }, create: false, messages: {} },
  };
  const planned = planTable(document, {}, files);
  if (pointer === null) expect(planned).toHaveProperty("plan");
  else expect(planned).toEqual({ faults: [{ pointer, detail: `a column of type ${type} takes no text` }] });
});

test("the newer of two records is not told by a column of type text", () => {
  const of = [targetColumn("no", { isNotNull: true }), targetColumn("note", { type: "text" })];
  const keys = [{ name: "pk", columns: ["no"], isPrimary: true }];
  const document: TableDocument = {
    ...{ database: null, name: "t", mode: "upsert", key: null, absent: "keep", newer: "note", delete: null },
    ...{ columns: { no: { value: "1" }, note: { value: "2" } }, create: false, messages: {} },
  };
  expect(planTable(document, {}, tableOf(of, { keys }))).toHaveProperty("plan");
  const planned = planTable(document, {}, tableOf(of, { keys, dialect: "mssql" }));
  expect(planned).toMatchObject({ faults: [{ pointer: "/table/newer" }] });
});

test("another SQL Server is asked for its health, and written", async () => {
  const server = await tdsServer((asked) => (says(asked, "FROM dataflow_applied") ? 208 : undefined));
  // DataFlow's own database gets no query.
  const own = {} as unknown as Database;
  const tables = new TargetDatabases({ own, databases: [{ name: "crm", url: server.url }], allowed: [] });
  try {
    expect(await tables.appliedIn("crm")?.list(null, 1)).toEqual([]);
    await tables.appliedIn("crm")?.make();
    expect(await tables.ping("crm")).toBeGreaterThan(0);
    const told = ["CREATE TABLE dataflow_applied", "'Updateability'"];
    expect(told.map((text) => server.asked.some((one) => says(one, text)))).toEqual([true, true]);
  } finally {
    await tables.close();
    await server.close();
  }
});
