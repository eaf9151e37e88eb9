/** TABLE_DATABASES and TABLES_ALLOWED: which texts are accepted, and faults that show no secret. */
import { loadConfig } from "../../config/config.ts";
import { namePartsOf } from "../../config/tables.ts";
import { faultsOf, production } from "./config.kit.ts";

const plain = (...texts: string[]) => texts.map((text) => ({ text, isQuoted: false }));

export function tableTests(): void {
  test("databases have a name each, and a comma in a URL is %2C", () => {
    const text = "crm=mssql://u:a%2Cb@h/crm, local=sqlite:./a%2Cb.db";
    expect(loadConfig({ TABLE_DATABASES: text }).tableDatabases).toEqual([
      { name: "crm", url: "mssql://u:a%2Cb@h/crm" },
      { name: "local", url: "sqlite:./a,b.db" },
    ]);
  });

  test.each([
    ["crm=postgres://u:hunter2,x@h/a", 'crm="postgres://…" as entry 1, 5 characters, not shown as entry 2'],
    ["postgres://u:hunter2@h/a", '"postgres://…" as entry 1'],
    ["CRM=sqlite:a.db", "15 characters, not shown as entry 1"],
    ["crm=sqlite::memory:", 'crm="sqlite:…" as entry 1'],
    ["crm=mysql://u:hunter2@h/a", 'crm="mysql://…" as entry 1'],
    ["crm=postgres://u:hunter2@h/a?stream=1", 'crm="postgres://…" with a stream that is not left out as entry 1'],
    ["crm=sqlite:a.db,crm=sqlite:b.db", "the name crm again as entry 2"],
  ])("%s is wrong, and told without its secret", (text, found) => {
    expect(faultsOf({ TABLE_DATABASES: text })).toEqual([
      { name: "TABLE_DATABASES", expected: expect.stringContaining("a comma in the URL is %2C"), found },
    ]);
  });

  test("the database of DATABASE_URL has no second name", () => {
    const env = { ...production, TABLE_DATABASES: `crm=sqlite:a.db,own=${production.DATABASE_URL}` };
    expect(faultsOf(env).map((fault) => [fault.name, fault.found])).toEqual([
      ["TABLE_DATABASES", "the database of DATABASE_URL as own"],
    ]);
  });

  test("tables are allowed by schema and name, in each database", () => {
    const env = { ...production, TABLE_DATABASES: "crm=mssql://u:p@h/crm,local=sqlite:a.db" };
    const text = 'sales.*, crm:dbo.orders, *, local:orders, crm:*, "a.b"."c*"';
    expect(loadConfig({ ...env, TABLES_ALLOWED: text }).tablesAllowed).toEqual([
      { database: null, parts: plain("sales", "*") },
      { database: "crm", parts: plain("dbo", "orders") },
      { database: null, parts: plain("*") },
      { database: "local", parts: plain("orders") },
      { database: "crm", parts: plain("*") },
      {
        database: null,
        parts: [
          { text: "a.b", isQuoted: true },
          { text: "c*", isQuoted: true },
        ],
      },
    ]);
    expect(loadConfig(env).tablesAllowed).toEqual([]);
    expect(loadConfig({ TABLES_ALLOWED: "none" }).tablesAllowed).toEqual([]);
  });

  test.each([
    ["sales.", '"sales."'],
    ["a.b.c", '"a.b.c"'],
    ["crm:dbo.orders", '"crm", which TABLE_DATABASES does not name'],
    ["orders", '"orders"'],
  ])("%s is no table that a database can have", (TABLES_ALLOWED, found) => {
    expect(faultsOf({ ...production, TABLES_ALLOWED }).map((fault) => [fault.name, fault.found])).toEqual([
      ["TABLES_ALLOWED", found],
    ]);
  });

  test.each([
    ["orders", ["orders"]],
    ["sales.orders", ["sales", "orders"]],
    ['"my.table"', ["my.table"]],
    ['s."a""b"', ["s", 'a"b']],
    ["orders; DROP TABLE x", ["orders; DROP TABLE x"]],
    ["größe", ["größe"]],
    ["", null],
    [".a", null],
    ["a..b", null],
    ['"a', null],
    ['a"b', null],
    ['"a"b', null],
    ['""', null],
    ["a\0", null],
    [" a", null],
    ["a.b.c", null],
  ])("the parts of the name %j are %j", (text, parts) => {
    expect(namePartsOf(text)?.map((part) => part.text) ?? null).toEqual(parts);
  });
}
