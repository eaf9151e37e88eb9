/** The promise: a dataset whose table does not fit is refused when it is written, with a pointer to what is wrong. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Service } from "moleculer";
import type { WithDatabase } from "../../mixins/database.ts";
import type { Command } from "../../repl/answer.ts";
import { commands, outputOf } from "../../repl/commands.ts";
import { batchWhen, get, newClient } from "../helpers/http.ts";
import { asked, type Json, startAdmin, system, url } from "./admin.kit.ts";
import { sent } from "./datasets.kit.ts";

const folder = mkdtempSync(join(tmpdir(), "dataflow-tables-"));
const local = join(folder, "local.db");
const databases = [
  `local=sqlite:${local}`,
  `none=sqlite:${join(folder, "none.db")}`,
  "gone=postgres://nobody:secret@127.0.0.1:1/none",
];

startAdmin({ TABLES_ALLOWED: "*,local:orders,gone:*.*,none:*", TABLE_DATABASES: databases.join(",") });

const isPostgres = process.env.TEST_DATABASE === "postgres";
const run = (text: string) =>
  (system.broker.getLocalService("policy") as Service & WithDatabase).database.sequelize.query(text);

beforeAll(async () => {
  await run(`CREATE TABLE orders (
    order_no varchar(20) NOT NULL PRIMARY KEY, qty integer, city text, day date, changed timestamp, note text NOT NULL DEFAULT 'none',
    twice integer GENERATED ALWAYS AS (qty * 2) STORED, CONSTRAINT low CHECK (qty < 1000))`);
  await run("CREATE TABLE loose (a integer, b text NOT NULL)");
  await run("CREATE UNIQUE INDEX loose_partial ON loose (a) WHERE a > 0");
  await run("CREATE VIEW seen AS SELECT * FROM orders");
  const db = new DatabaseSync(local);
  db.exec("CREATE TABLE orders (order_no TEXT PRIMARY KEY); CREATE TABLE hidden (order_no TEXT PRIMARY KEY)");
  db.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const schema = {
  type: "object",
  properties: {
    order_id: { type: "string" },
    price: { type: "number" },
    qty: { type: "integer" },
    address: { type: "object", properties: { city: { type: "string" } } },
    op: { type: "string" },
  },
};
const columns = { order_no: "order_id", qty: "qty", city: "address.city" };
const into = (table: object = {}) => ({
  schema,
  handler: "table",
  table: { name: "orders", mode: "upsert", columns, ...table },
});

const patch = { "content-type": "application/merge-patch+json" };

let names = 0;
const put = (document: object, query = "") => asked("PUT", `/datasets/tables-${++names}${query}`, document);
type Told = { pointer: string; detail: string }[];
const pointersOf = ({ status, body }: { status: number; body: Json }) => [
  status,
  ...(body.errors as Told).map(({ pointer }) => pointer),
];

const fitting = async (told: ReturnType<typeof put>) =>
  expect(await told).toMatchObject({ body: { handler: "table" } });

describe("a dataset into a table", () => {
  test("fits where its columns, fields and key are there", async () => {
    await fitting(put(into()));
    await fitting(put(into({ newer: "qty", delete: { field: "op", values: ["D"] } })));
    await fitting(put(into({ database: "local", columns: { order_no: "order_id" } })));
  });

  test.each<[object, string]>([
    [{ name: "nope" }, "/table/name"],
    [{ name: "orders; DROP TABLE orders" }, "/table/name"],
    [{ name: '"orders"" --"' }, "/table/name"],
    [{ name: "nope.orders" }, "/table/name"],
    [{ name: "seen" }, "/table/name"],
    [{ name: "batch" }, "/table/name"],
    [{ name: "schema_migration" }, "/table/name"],
    [{ database: "crm" }, "/table/database"],
    [{ database: "local", name: "hidden" }, "/table/name"],
    [{ columns: { ...columns, nope: "qty" } }, "/table/columns/nope"],
    [{ columns: { ...columns, 'qty"; --': "qty" } }, '/table/columns/qty"; --'],
    [{ columns: { ...columns, qty: "quantity" } }, "/table/columns/qty"],
    [{ columns: { ...columns, city: "address.zip" } }, "/table/columns/city"],
    [{ columns: { ...columns, twice: "qty" } }, "/table/columns/twice"],
    [{ columns: { ...columns, qty: "address" } }, "/table/columns/qty"],
    [{ columns: { ...columns, day: "qty" } }, "/table/columns/day"],
    [{ columns: { ...columns, qty: { value: "many" } } }, "/table/columns/qty/value"],
    [{ columns: { ...columns, note: { value: null } } }, "/table/columns/note/value"],
    [{ columns: null }, "/table/columns"],
    [{ columns: { qty: "qty" }, mode: "insert" }, "/table/columns"],
    [{ key: ["qty"] }, "/table/key"],
    [{ key: ["nope"] }, "/table/key/0"],
    [{ name: "loose", key: ["a"], columns: { a: "qty", b: "order_id" } }, "/table/key"],
    [{ name: "loose", columns: { a: "qty", b: "order_id" } }, "/table/key"],
    [{ name: "loose", mode: "insert", columns: { a: "qty" } }, "/table/columns"],
    [{ mode: "insert", newer: "qty" }, "/table/newer"],
    [{ newer: "changed" }, "/table/newer"],
    [{ mode: "ignore", delete: { field: "op", values: ["D"] } }, "/table/delete"],
    [{ delete: { field: "nope", values: ["D"] } }, "/table/delete/field"],
    [{ mode: "update", columns: { order_no: "order_id" } }, "/table/columns"],
  ])("%j does not", async (table, pointer) => {
    const told = await put(into(table));
    const all = told.body.errors as Told;
    expect([told.status, all.map((one) => one.pointer)]).toEqual([422, expect.arrayContaining([pointer])]);
    expect(new Set(all.map((one) => one.pointer))).toEqual(new Set([pointer]));
    await expect(run("SELECT count(*) FROM orders")).resolves.toBeDefined();
  });

  test("is 503 while the database is away, and its login is told nobody", async () => {
    for (const database of ["gone", "none"]) {
      const told = await put(into({ database }));
      expect(told).toMatchObject({ status: 503, body: { code: "unavailable" } });
      expect(told.headers.get("retry-after")).toBe("5");
      expect(JSON.stringify(told.body)).toContain(`\\"${database}\\"`);
      expect(JSON.stringify(told.body)).not.toMatch(/secret|nobody|127/);
    }
  });

  test("is looked at by a dry run as well, and a missing table that would be made fits", async () => {
    expect(pointersOf(await put(into({ name: "nope" }), "?dryRun=true"))).toEqual([422, "/table/name"]);
    await fitting(put(into({ name: "made", create: true, key: ["order_no"] }), "?dryRun=true"));
    await expect(run("SELECT 1 FROM made")).rejects.toThrow();
  });

  test("of the client's own is looked at as well: PUT, PATCH, and with a new client", async () => {
    const client = await newClient(url);
    const path = `/clients/${client.id}/policy`;
    expect(pointersOf(await asked("PUT", path, into({ key: ["qty"] })))).toEqual([422, "/table/key"]);
    expect(pointersOf(await asked("PATCH", path, into({ newer: "changed" }), patch))).toEqual([422, "/table/newer"]);
    const body = { clientIdentifier: "a-shop", name: "A", policy: into({ name: "nope" }) };
    for (const query of ["", "?dryRun=true"])
      expect(pointersOf(await asked("POST", `/clients${query}`, body))).toEqual([422, "/policy/table/name"]);
    expect((await asked("PUT", path, { maxErrors: 1 })).body).toMatchObject({ handler: "store", table: null });
  });

  test("is whole with its defaults, and made where it says so", async () => {
    const document = into({ name: "made", create: true, key: ["order_no"] });
    const { status, body } = await put(document);
    const defaults = {
      database: null,
      absent: "keep",
      newer: null,
      delete: null,
      checkReferences: false,
      messages: {},
    };
    expect([status, body.table]).toEqual([201, { ...document.table, ...defaults }]);
    await run("SELECT order_no, qty, city FROM made");
    const { body: again } = await asked("PUT", `/datasets/tables-${names}`, body);
    expect(again).toEqual(body);
  });

  test("takes numbers with their digits, whatever column they go into", async () => {
    const numbers = { properties: { no: { type: "string" }, n: { type: "number" } } };
    const all = { no: "no", n: "n", doc: { meta: "json" }, sent: { value: 1.5 } };
    const table = { name: "digits", mode: "insert", key: ["no"], columns: all, create: true };
    expect((await put({ schema: numbers, handler: "table", table })).status).toBe(201);
    const client = await newClient(url);
    const name = `tables-${names}`;
    expect((await asked("PUT", `/clients/${client.id}/datasets/${name}`, {})).status).toBe(201);
    const texts = ["12.50", "12345678901234567.8900", "9007199254740993", "-1e3"].map(
      (n, i) => `{"no":"${i}","n":${n}}`,
    );
    const { id } = await sent(client, name, `${texts.join("\n")}\n`);
    await batchWhen(url, client, id);
    const [rows] = await run("SELECT CAST(n AS text) AS n, CAST(doc AS text) AS doc FROM digits ORDER BY no");
    const stored = ["12.50", "12345678901234567.8900", "9007199254740993"];
    expect(rows).toEqual([
      ...stored.map((n) => ({ n, doc: expect.stringMatching(new RegExp(`"n": ?${n}[,}]`)) })),
      { n: isPostgres ? "-1000" : "-1e3", doc: expect.stringMatching(/"n": ?-1(000|e3)/) },
    ]);
  });

  test("is looked at again where it is written again, and not where other fields are", async () => {
    await run("CREATE TABLE shrinking (order_no varchar(20) NOT NULL PRIMARY KEY, qty integer, city text)");
    const document = into({ name: "shrinking" });
    expect((await put(document)).status).toBe(201);
    const path = `/datasets/tables-${names}`;
    await run("ALTER TABLE shrinking DROP COLUMN city");
    expect(pointersOf(await asked("PUT", path, document))).toEqual([422, "/table/columns/city"]);
    const command = commands.find((one) => one.command === "tables") as Command;
    const told = await outputOf(command, system.broker, { options: {} });
    expect(told).toMatch(/^dataset +database +table +mode +catalog$/m);
    expect(told).toMatch(
      new RegExp(`^tables-${names} +- +shrinking +upsert +/table/columns/city: the table has no such`, "m"),
    );
    expect(told).toMatch(/ made +upsert +fits$/m);
    expect(await asked("PATCH", path, { maxErrors: 5 }, patch)).toMatchObject({ status: 200, body: { maxErrors: 5 } });
    expect(pointersOf(await asked("PATCH", path, { table: { mode: "ignore" } }, patch))).toEqual([
      422,
      "/table/columns/city",
    ]);
  });

  test("fits with each client's override as well", async () => {
    expect((await put(into())).status).toBe(201);
    const name = `tables-${names}`;
    const client = await newClient(url);
    const grant = `/clients/${client.id}/datasets/${name}`;
    const price = { properties: { qty: { type: "boolean" } } };
    expect(pointersOf(await asked("PUT", grant, { schema: price }))).toEqual([422, "/table/columns/qty"]);
    for (const override of [{ table: { mode: "insert" } }, { table: { create: true } }])
      expect(pointersOf(await asked("PUT", grant, override))).toEqual([422, "/table"]);
    const wider = { properties: { extra: { type: "boolean" } } };
    expect((await asked("PUT", grant, { schema: wider, maxErrors: 1 })).status).toBe(201);
    const own = await (await get(url, client, `/datasets/${name}`)).json();
    expect(own).not.toHaveProperty("table");
    const change = { schema: { properties: { extra: { type: "integer" } } }, table: { columns: { qty: "extra" } } };
    expect(await asked("PATCH", `/datasets/${name}`, change, patch)).toMatchObject({
      status: 409,
      body: { code: "conflict", overrides: [{ clientId: client.id, errors: [{ pointer: "/table/columns/qty" }] }] },
    });
  });

  const onSqlite = isPostgres ? test.skip : test;
  onSqlite("has on SQLite what SQLite cannot do told", async () => {
    await run("CREATE TABLE late (order_no TEXT PRIMARY KEY REFERENCES late (order_no) DEFERRABLE INITIALLY DEFERRED)");
    await run("CREATE TABLE swallowing (order_no TEXT PRIMARY KEY ON CONFLICT REPLACE)");
    await run("CREATE TABLE rounding (order_no TEXT PRIMARY KEY, price DECIMAL(10,2))");
    const own = (name: string, rest: object = {}) => put(into({ name, columns: { order_no: "order_id" }, ...rest }));
    expect(pointersOf(await own("late"))).toEqual([422, "/table/name"]);
    expect(pointersOf(await own("swallowing"))).toEqual([422, "/table/name"]);
    const rounding = await own("rounding", { columns: { order_no: "order_id", price: "price" } });
    expect(pointersOf(rounding)).toEqual([422, "/table/columns/price"]);
    const messages = { low: { message: "Too many." }, fk_orders_customer: { message: "No such customer." } };
    expect(pointersOf(await put(into({ messages })))).toEqual([422, "/table/messages/fk_orders_customer"]);
  });
});

describe("the tables that may be chosen", () => {
  const listed = (query = "") => asked("GET", `/tables${query}`);
  const here = isPostgres ? "public." : "";

  test("are those that are allowed and there, with their columns, and none of DataFlow's own; page by page", async () => {
    const { body } = await listed("?limit=200");
    const items = body.items as { name: string; columns: Json[] }[];
    const names = items.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([`${here}loose`, `${here}orders`]));
    for (const name of ["seen", "batch", "policy", "schema_migration", "dataflow_applied"])
      expect(names.map((one) => one.split(".").at(-1))).not.toContain(name);
    const text = isPostgres ? "character varying(20)" : "varchar(20)";
    expect(items.find(({ name }) => name === `${here}orders`)?.columns.slice(0, 2)).toEqual([
      { name: "order_no", type: text, isNullable: false, isKey: true },
      { name: "qty", type: isPostgres ? "integer" : "INTEGER", isNullable: true, isKey: false },
    ]);
    const paged: string[] = [];
    for (let next: unknown = ""; next !== null; ) {
      const page = (await listed(`?limit=1${next ? `&cursor=${next}` : ""}`)).body;
      paged.push(...(page.items as { name: string }[]).map(({ name }) => name));
      next = page.next;
    }
    expect(paged).toEqual(names);
    await fitting(put(into({ name: `${here}orders` })));
  });

  test("are of one database, which must be there, and must not be away", async () => {
    expect((await listed("?database=local")).body).toEqual({
      items: [{ name: "orders", columns: [{ name: "order_no", type: "TEXT", isNullable: false, isKey: true }] }],
      next: null,
    });
    const wrong = await listed("?database=nowhere");
    expect(pointersOf(wrong)).toEqual([422, "/database"]);
    expect(await listed("?database=gone")).toMatchObject({ status: 503, body: { code: "unavailable" } });
  });
});
