/**
 * An operator takes back a batch whose records are rows of a table. Exactly its rows are deleted, and the answer names what
 * prevents that.
 */
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { accepted, admin, type Batch, batchWhen, get, lines, newClient, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, hasStatus, select } from "./kit.ts";

let system: System;
const folder = mkdtempSync(join(tmpdir(), "dataflow-undo-"));
const file = join(folder, "crm.db");
function inFile(sql: string): void {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  db.exec(sql);
  db.close();
}
const run = async (...all: string[]) => {
  for (const sql of all) await select(system, sql);
};

const isPostgres = process.env.TEST_DATABASE === "postgres";
const schemaName = isPostgres ? "public" : "main";
const uuid = isPostgres ? "uuid" : "text";
const schema = { properties: { no: { type: "integer" }, boss: { type: "integer" } }, required: ["no"] };
const columns = { no: "no", boss: "boss", batch: { meta: "batchId" } };
const table = { name: "staff", mode: "insert", columns };
const policy = { schema, handler: "table", table, uniqueKey: "no", dedup: "reject" };

const TABLE = `CREATE TABLE staff (no integer PRIMARY KEY, boss integer REFERENCES staff (no), batch ${uuid})`;

beforeAll(async () => {
  const env = {
    ...quick,
    TABLES_ALLOWED: "*,crm:*",
    TABLE_DATABASES: `crm=sqlite:${file}`,
  };
  inFile("CREATE TABLE staff (no INTEGER PRIMARY KEY, boss INTEGER, batch TEXT); CREATE INDEX b ON staff (batch)");
  system = await startSystem({ env });
});
afterAll(async () => {
  await system.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() =>
  run("DROP TABLE IF EXISTS cars", "DROP TABLE IF EXISTS staff", TABLE, "CREATE INDEX staff_batch ON staff (batch)"),
);

async function undo(id: string, query = "") {
  const body = JSON.stringify({ reason: "The wrong file." });
  const answer = await admin(system.url, `/batches/${id}/undo${query}`, { method: "POST", body });
  return { status: answer.status, body: await answer.json() };
}
async function imported(client: TestClient, ...records: object[]) {
  const { id } = await accepted(system.url, client, records.map((one) => JSON.stringify(one)).join("\n"));
  await ended(system, client, id);
  return id;
}
const undone = (client: TestClient, id: string) => batchWhen(system.url, client, id, hasStatus("undone"));
const asOperator = async (id: string) => (await admin(system.url, `/batches/${id}`)).json() as Promise<Batch>;
const waiting = (id: string, words: string) =>
  until(async () => ((await asOperator(id)) as { waits?: string | null }).waits?.includes(words));
const numbers = async () =>
  (await select<{ no: number }>(system, "SELECT no FROM staff ORDER BY no")).map(({ no }) => no);
const many = Array.from({ length: 2_500 }, (_, i) => ({ no: i + 1, ...(i > 0 && { boss: 1 }) }));

test("the batch's rows are deleted in pieces, referring rows first, with records, keys and content; other rows stay", async () => {
  const client = await newClient(system.url, policy);
  const id = await imported(client, ...many);
  await imported(client, { no: 9_000 }, { no: 1 }, { no: 2 });
  expect(await undo(id, "?dryRun=true")).toMatchObject({
    status: 200,
    body: { records: 2_500, duplicatesElsewhere: 2, references: [] },
  });
  expect(await undo(id)).toMatchObject({ status: 202, body: { status: "undoing" } });
  expect(await undone(client, id)).toMatchObject({ counts: { created: 2_500 }, error: { code: "undone-by-operator" } });
  expect(await numbers()).toEqual([9_000]);
  expect(await lines(get(system.url, client, `/imports/${id}/records`))).toEqual([]);
  const again = await imported(client, ...many);
  expect(await asOperator(again)).toMatchObject({ counts: { created: 2_500, duplicate: 0 } });
});

test("rows that other rows refer to stay, also if the key would cascade: the undo waits, says so, and goes on later", async () => {
  const client = await newClient(system.url, policy);
  await run("CREATE TABLE cars (id integer PRIMARY KEY, owner integer REFERENCES staff (no) ON DELETE CASCADE)");
  const id = await imported(client, { no: 1 }, { no: 2, boss: 2 });
  const other = await imported(client, { no: 3, boss: 2 });
  await run("INSERT INTO cars VALUES (7, 1)");
  const references = [
    { table: `${schemaName}.cars`, columns: ["owner"], constraint: isPostgres ? "cars_owner_fkey" : null },
    { table: `${schemaName}.staff`, columns: ["boss"], constraint: isPostgres ? "staff_boss_fkey" : null },
  ];
  expect(await undo(id, "?dryRun=true")).toMatchObject({ body: { references } });
  await undo(id);
  await waiting(id, `${schemaName}.cars (owner), ${schemaName}.staff (boss)`);
  expect(await numbers()).toEqual([1, 2, 3]);
  expect(await lines(get(system.url, client, `/imports/${id}/records`))).toHaveLength(2);
  await run("DELETE FROM cars");
  await undo(other);
  await undone(client, other);
  expect(await undone(client, id)).toMatchObject({ error: { detail: "The wrong file." } });
  expect([await numbers(), await asOperator(id)]).toEqual([[], expect.objectContaining({ waits: null })]);
});

test("while the table's database is away, the undo waits, and goes on once it is back", async () => {
  const client = await newClient(system.url, { ...policy, table: { ...table, database: "crm" } });
  const [id, later] = [await imported(client, { no: 1 }, { no: 2 }), await imported(client, { no: 3 })];
  await undo(id);
  await undone(client, id);
  const db = new DatabaseSync(file);
  expect(db.prepare("SELECT no FROM staff").all()).toEqual([{ no: 3 }]);
  db.exec("CREATE TRIGGER kept BEFORE DELETE ON staff BEGIN SELECT RAISE(IGNORE); END");
  db.close();
  await undo(later);
  await waiting(later, "a trigger keeps them");
  renameSync(file, `${file}.away`);
  await waiting(later, 'the table database "crm" is away');
  renameSync(`${file}.away`, file);
  inFile("DROP TRIGGER kept");
  await undone(client, later);
});

test("an undo is refused with a reason if the batch's rows cannot be told from others", async () => {
  const refusal = (detail: string) => ({
    status: 409,
    body: { code: "not-undoable", detail: expect.stringContaining(detail) },
  });
  const upserts = await newClient(system.url, { ...policy, table: { ...table, mode: "upsert" } });
  expect(await undo(await imported(upserts, { no: 1 }))).toMatchObject(refusal("expected insert or ignore"));
  const unnamed = await newClient(system.url, { ...policy, table: { ...table, columns: { no: "no" } } });
  expect(await undo(await imported(unnamed, { no: 2 }))).toMatchObject(refusal('{"meta": "batchId"}'));
  const client = await newClient(system.url, { ...policy, table: { ...table, mode: "ignore" } });
  const id = await imported(client, { no: 3 });
  await run("DROP INDEX staff_batch", "CREATE INDEX staff_batch ON staff (no, batch)");
  for (const query of ["", "?dryRun=true"]) expect(await undo(id, query)).toMatchObject(refusal("column batch"));
  await run("DROP TABLE staff");
  expect(await undo(id)).toMatchObject(refusal("no such table"));
});
