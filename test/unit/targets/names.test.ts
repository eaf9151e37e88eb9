/**
 * The promise: a table's name is one quoted identifier for the database, whatever it contains, and only allowed tables are
 * written.
 */
import { tablesAllowed } from "../../../config/tables.ts";
import { isAllowed, quotedIn, quotedTable } from "../../../database/targets/names.ts";

test.each([
  ["postgres", 'a"; DROP TABLE x; --', '"a""; DROP TABLE x; --"'],
  ["sqlite", "größe.a", '"größe.a"'],
  ["mssql", "a]; DROP TABLE x", "[a]]; DROP TABLE x]"],
] as const)("%s quotes %s", (dialect, name, quoted) => {
  expect(quotedIn(dialect, name)).toBe(quoted);
});

test("a table is quoted with its schema", () => {
  expect(quotedTable({ dialect: "mssql", schema: "dbo", name: "a.b" })).toBe("[dbo].[a.b]");
});

test.each([
  ["sales.orders", "sales.orders", true],
  ["sales.orders", "sales.orders2", false],
  ["sales.*", "sales.orders", true],
  ["sales.*", "sales2.orders", false],
  ["sales.imp_*_x", "sales.imp_a_b_x", true],
  ["sales.imp_*_x", "sales.imp_x", false],
  ["sales.a*a", "sales.a", false],
  ["*", "any.thing", true],
  ["*.orders", "any.orders", true],
  ["Sales.orders", "sales.orders", false],
  ['sales."*"', "sales.orders", false],
  ["crm:sales.*", "sales.orders", false],
  ["none", "sales.orders", false],
  ["a.b,sales.orders", "sales.orders", true],
])("%s allows %s: %s", (text, table, is) => {
  const [schema = "", name = ""] = table.split(".");
  const allowed = tablesAllowed.parse(text) ?? [];
  expect(isAllowed({ database: null, dialect: "postgres", schema, name }, allowed)).toBe(is);
});

test("in another database its name stands before the table; SQLite's names have no case", () => {
  const allowed = tablesAllowed.parse("crm:dbo.*,local:Orders,local:main.lines,*") ?? [];
  const is = (database: string, dialect: "mssql" | "sqlite", schema: string, name: string) =>
    isAllowed({ database, dialect, schema, name }, allowed);
  expect(is("crm", "mssql", "DBO", "orders")).toBe(true);
  expect(is("crm", "mssql", "hr", "orders")).toBe(false);
  expect(is("local", "sqlite", "main", "orders")).toBe(true);
  expect(is("local", "sqlite", "main", "Lines")).toBe(true);
  expect(is("local", "sqlite", "main", "other")).toBe(false);
});
