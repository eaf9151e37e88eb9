/** The handler "table": accepted records become rows of the company's own table, and refused ones are in the error report. */
import type { ErrorSummary } from "../../../services/batch/batch.reads.domain.ts";
import { accepted, type Batch, get, lines, newClient } from "../../helpers/http.ts";
import { metrics } from "../../helpers/metrics.ts";
import { until } from "../../helpers/patience.ts";
import { ended, select, storeOf } from "./kit.ts";
import {
  alterAfterFirstChunk,
  asOperator,
  body,
  codesOf,
  errorsOf,
  five,
  imported,
  isPostgres,
  policy,
  rows,
  run,
  schema,
  startOrders,
  system,
  TABLE,
  table,
} from "./tables.kit.ts";
import { rowsAreRefused } from "./tables.refused.suite.ts";

startOrders();

const isMssql = process.env.TEST_DATABASE === "mssql";

/** SQLite does not name a violated foreign key, accepts texts of any length, and can undo a single statement. */
const isSqlite = !isPostgres && !isMssql;

const serverTable = isPostgres ? "public.orders" : "dbo.orders";

const tableName = isSqlite ? "main.orders" : serverTable;

const dropIndex = (name: string) => `DROP INDEX ${name}${isMssql ? " ON orders" : ""}`;

/** Changes of the column `city`, and how to undo them. In SQL Server a default keeps its column from being dropped. */
const changes = isMssql
  ? [["renamed", "EXEC sp_rename 'orders.city', 'town', 'COLUMN'", "EXEC sp_rename 'orders.town', 'city', 'COLUMN'"]]
  : [
      ["dropped", "ALTER TABLE orders DROP COLUMN city", "ALTER TABLE orders ADD city varchar(10)"],
      ["renamed", "ALTER TABLE orders RENAME COLUMN city TO town", "ALTER TABLE orders RENAME COLUMN town TO city"],
    ];

test("rows, counts, records, errors and the final event agree", async () => {
  const client = await newClient(system.url, policy);
  await run("INSERT INTO orders (no, city) VALUES (2, 'Faro')");
  const commits = jest.spyOn(storeOf(system), "commitChunk");
  const { id, batch } = await imported(
    client,
    { no: 1, customer: 1 },
    { no: 2, customer: 1 },
    { no: "x" },
    { no: 3, customer: 9 },
    { no: 4, customer: 1e20 },
    { no: 1, city: "Porto" },
  );
  const counts = { received: 6, accepted: 3, rejected: 3, duplicate: 0, created: 1, updated: 2, deleted: 0 };
  expect(batch).toMatchObject({ status: "completed_with_errors", counts, error: null });
  expect(await rows()).toEqual([
    { no: 1, customer: 1, city: "Porto" },
    { no: 2, customer: 1, city: "Faro" },
  ]);
  expect(await codesOf(client, id)).toEqual([
    [3, 3, "type", "no"],
    [4, 4, "reference", isSqlite ? "" : "customer"],
    [5, 5, "range", "customer"],
  ]);
  const summary = (await (await get(system.url, client, `/imports/${id}/errors/summary`)).json()) as ErrorSummary;
  expect(summary).toMatchObject({ total: 3, records: 3, other: { count: 0 } });
  expect(summary.groups.map(({ field, code, count, firstRecord }) => [firstRecord, field, code, count])).toEqual([
    [3, "no", "type", 1],
    [4, isSqlite ? "" : "customer", "reference", 1],
    [5, "customer", "range", 1],
  ]);
  const stored = await lines<{ record: number }>(get(system.url, client, `/imports/${id}/records`));
  expect(stored.map(({ record }) => record)).toEqual([1, 2, 6]);
  const events = commits.mock.calls.flatMap(([commit]) => commit.end?.events ?? []);
  commits.mockRestore();
  expect(events.map(({ body }) => JSON.parse(body).data.counts)).toEqual([counts]);
  const told = await metrics(system.url);
  expect(told.get(`dataflow_table_rows_total{outcome="refused",table="${tableName}"}`)).toBe(1);
  expect(told.get(`dataflow_table_rows_total{outcome="updated",table="${tableName}"}`)).toBe(2);
  expect(told.get('dataflow_table_chunks_total{how="row_by_row"}')).toBe(isSqlite ? 0 : 1);
  expect(told.get("dataflow_table_seconds_count")).toBe(2);
});

test("a check finds records that cannot be rows, and writes nothing until it is committed", async () => {
  const client = await newClient(system.url, policy);
  const headers = { authorization: client.auth, "content-type": "application/x-ndjson" };
  const sent = body({ no: 1, city: "Porto" }, { no: 1e20 }, { no: 3, customer: 7 });
  const response = await fetch(`${system.url}/imports?validateOnly=true`, { method: "POST", body: sent, headers });
  const { id } = (await response.json()) as Batch;
  const batch = await ended(system, client, id);
  expect(batch).toMatchObject({
    status: "validated",
    counts: { received: 3, accepted: 2, rejected: 1, duplicate: 0 },
  });
  expect(batch.counts).not.toHaveProperty("created");
  expect(await codesOf(client, id)).toEqual([[2, 2, "range", "no"]]);
  expect(await rows()).toEqual([]);
  await fetch(`${system.url}/imports/${id}/commit`, { method: "POST", headers: { authorization: client.auth } });
  expect(await ended(system, client, id)).toMatchObject({ counts: { accepted: 1, rejected: 2, created: 1 } });
  expect(await rows()).toEqual([{ no: 1, customer: null, city: "Porto" }]);
});

test("a fault at one column shows what was sent for it, and the name of its column in the file", async () => {
  const titles = { customer: { titles: ["Kunde"], decimalChar: ",", groupChar: "." }, city: { titles: ["Ort"] } };
  const client = await newClient(system.url, { ...policy, read: { fields: titles } });
  await run("CREATE UNIQUE INDEX by_city ON orders (city)", "CREATE UNIQUE INDEX by_both ON orders (customer, no)");
  const csv = 'no,Kunde,Ort\n1,1,"Faro, Sul"\n2,99.999.999.999.999.999.999,\n3,1,"Faro, Sul"\n4,1,"x,abcdefghijkl"\n';
  const { id } = await accepted(system.url, client, csv, "text/csv");
  await ended(system, client, id);
  const [range, ...others] = (await errorsOf(client, id)).map(({ errors: [first] }) => first);
  expect(range).toMatchObject({ field: "customer", column: "Kunde", value: "99.999.999.999.999.999.999" });
  const conflict = { field: "city", code: "conflict", column: "Ort", value: "Faro, Sul" };
  const length = { field: "city", code: "maxLength", column: "Ort", value: "x,abcdefghijkl" };
  expect(others).toMatchObject(isSqlite ? [conflict] : [conflict, length]);
  await run(dropIndex("by_city"), "INSERT INTO customers VALUES (2)", "INSERT INTO orders VALUES (9, 2, 'Ovar')");
  const insert = await newClient(system.url, { ...policy, table: { name: "orders" } });
  await run(dropIndex("by_both"), "CREATE UNIQUE INDEX by_both ON orders (customer, city)");
  const { id: other } = await imported(insert, { no: 10, customer: 2, city: "Ovar" }, { no: 9 });
  const [both, key] = (await errorsOf(insert, other)).map(({ errors: [first] }) => first);
  expect([both?.code, both && "value" in both]).toEqual(["conflict", false]);
  expect(key).toMatchObject({ field: "no", code: "conflict", value: "9" });
});

test("numbers keep their digits, also in the whole record", async () => {
  await run("CREATE TABLE amounts (no integer PRIMARY KEY, amount varchar(40), doc varchar(100), line integer)");
  const columns = { no: "no", amount: "amount", doc: { meta: "json" }, line: { meta: "line" } };
  const amounts = { properties: { no: { type: "integer" }, amount: { type: "number" } } };
  const into = { schema: amounts, handler: "table", table: { name: "amounts", mode: "upsert", columns } };
  const client = await newClient(system.url, into);
  const record = '{"no":1,"amount":12345678901234567.89}';
  const { id } = await accepted(system.url, client, `\n${record}`);
  expect(await ended(system, client, id)).toMatchObject({ counts: { created: 1 } });
  expect(await select(system, "SELECT no, amount, doc, line FROM amounts")).toEqual([
    { no: 1, amount: "12345678901234567.89", doc: record, line: 2 },
  ]);
  await run("DROP TABLE amounts");
});

test("a batch without a stored row has counts of rows as well", async () => {
  const client = await newClient(system.url, policy);
  const { batch } = await imported(client, { no: "x" }, { no: 1, customer: 1e20 });
  const counts = { received: 2, accepted: 0, rejected: 2, duplicate: 0, created: 0, updated: 0, deleted: 0 };
  expect(batch.counts).toEqual(counts);
});

test("a batch whose records go elsewhere has no counts of rows", async () => {
  const client = await newClient(system.url, { schema });
  const { batch } = await imported(client, { no: 1 });
  expect(batch.counts).toEqual({ received: 1, accepted: 1, rejected: 0, duplicate: 0 });
});

test("if the table is dropped, the batch waits, operators see why, and it goes on once the table exists again", async () => {
  const client = await newClient(system.url, policy);
  await imported(client, { no: 1 });
  await run("DROP TABLE orders");
  const { id, counts } = await accepted(system.url, client, body({ no: 2 }));
  expect(counts).toMatchObject({ created: 0, updated: 0, deleted: 0 });
  const waits = await until(async () => {
    const { status, waits } = await asOperator(id);
    return status === "ready" && (waits as string | null);
  });
  expect((await asOperator(id)).counts).toEqual(counts);
  expect(waits).toContain("orders");
  await run(TABLE);
  expect(await ended(system, client, id)).toMatchObject({ status: "completed", attempts: 1 });
  expect(await asOperator(id)).toMatchObject({ waits: null });
  expect(await rows()).toMatchObject([{ no: 2 }]);
});

test.each(changes)(
  "if a column is %s in the middle of a batch, the batch waits, and goes on once the column is back",
  async (...about) => {
    const [, change, back] = about;
    const client = await newClient(system.url, policy);
    alterAfterFirstChunk(change as string);
    const { id } = await accepted(system.url, client, body(...five));
    await until(async () => ((await asOperator(id)).waits as string | null)?.includes("orders"));
    await run(back as string);
    const counts = { accepted: 5, rejected: 0, created: 5, updated: 0 };
    expect(await ended(system, client, id)).toMatchObject({ status: "completed", counts, attempts: 1 });
    expect((await rows()).map(({ no }) => no)).toEqual([1, 2, 3, 4, 5]);
  },
);

test("a record that deletes a row is checked only for its key and its marker", async () => {
  const properties = { ...schema.properties, op: { type: "string", enum: ["D"] } };
  const marked = {
    schema: { ...schema, properties, required: ["no", "customer"] },
    handler: "table",
    chunkRecords: 3,
  };
  const client = await newClient(system.url, {
    ...marked,
    table: { ...table, delete: { field: "op", values: ["D"] } },
  });
  await run("INSERT INTO orders (no) VALUES (1), (2)");
  const { id, batch } = await imported(
    client,
    { no: 1, op: "D" },
    { no: 2, customer: "none", city: "a city that is far too long", op: "D" },
    { no: 3, op: "D" },
    { op: "D" },
    { no: "x", op: "D" },
    { no: 4 },
    { no: 5, customer: 1, op: "d" },
    { no: 6, customer: 1 },
  );
  expect(await codesOf(client, id)).toEqual([
    [4, 4, "required", "no"],
    [5, 5, "type", "no"],
    [6, 6, "required", "customer"],
    [7, 7, "enum", "op"],
  ]);
  expect(batch.counts).toMatchObject({ accepted: 3, duplicate: 1, rejected: 4, created: 1, updated: 0, deleted: 2 });
  expect(await rows()).toEqual([{ no: 6, customer: 1, city: "Lisboa" }]);
  const csv = "no,customer,op\n6,,D\n,,D\n7,1,\n";
  const inCsv = await accepted(system.url, client, csv, "text/csv");
  expect((await ended(system, client, inCsv.id)).counts).toMatchObject({ deleted: 1, rejected: 1, created: 1 });
  expect(await codesOf(client, inCsv.id)).toEqual([[2, 3, "required", "no"]]);
  expect(await rows()).toEqual([{ no: 7, customer: 1, city: "Lisboa" }]);
});

rowsAreRefused();
