/** The handler "table" with another SQLite file: rows and counts are exact, whatever fails between the two commits. */
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { call } from "../../../services/messages.ts";
import { accepted, admin, get, newClient, type TestClient } from "../../helpers/http.ts";
import { metrics } from "../../helpers/metrics.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { body, cancel, codesOf, four, half, hangBetween, policy, whole } from "./elsewhere.kit.ts";
import { ended, storeOf } from "./kit.ts";

let system: System;
let client: TestClient;
const folder = mkdtempSync(join(tmpdir(), "dataflow-elsewhere-"));
const file = join(folder, "crm.db");

function ask<T>(sql: string): T[] {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  try {
    return db.prepare(sql).all() as T[];
  } finally {
    db.close();
  }
}
function run(sql: string): void {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  db.exec(sql);
  db.close();
}
const numbers = () => ask<{ no: number }>("SELECT no FROM orders ORDER BY no").map(({ no }) => no);
const applied = () => ask("SELECT * FROM dataflow_applied");
const upload = (...records: object[]) => accepted(system.url, client, body(...records));

beforeAll(async () => {
  run("PRAGMA journal_mode = WAL");
  const env = {
    ...quick,
    BATCH_LEASE: "2s",
    LOG_LEVEL: "fatal",
    TABLES_ALLOWED: "crm:orders",
    TABLE_DATABASES: `crm=sqlite:${file}`,
  };
  system = await startSystem({ env });
});
afterAll(async () => {
  await system.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  run(`DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS customers; CREATE TABLE customers (id INTEGER PRIMARY KEY);
    CREATE TABLE orders (no INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers (id), city TEXT)`);
  client = await newClient(system.url, policy);
});
afterEach(() => jest.restoreAllMocks());

async function expectWhole(id: string, attempts = 1) {
  expect(await ended(system, client, id)).toMatchObject({ status: "completed_with_errors", attempts, counts: whole });
  expect(numbers()).toEqual([1, 3, 4]);
  expect(await codesOf(system, client, id)).toEqual([[2, "reference", ""]]);
  const group = { field: "", code: "reference", count: 1, firstRecord: 2 };
  expect(await summaryOf(id)).toMatchObject({ total: 1, records: 1, groups: [group], other: { count: 0 } });
}

const summaryOf = async (id: string) => (await get(system.url, client, `/imports/${id}/errors/summary`)).json();

test("references are looked up in the other file before anything is delivered, and the error names their field", async () => {
  const table = { ...policy.table, checkReferences: true };
  client = await newClient(system.url, { ...policy, table, onInvalid: "rejectBatch" });
  const { id } = await upload(...four);
  expect(await ended(system, client, id)).toMatchObject({ status: "failed", counts: { accepted: 0 } });
  expect(await codesOf(system, client, id)).toEqual([[2, "reference", "customer"]]);
  expect(numbers()).toEqual([]);
});

test("rows, counts and errors tell the same, and nothing of the batch stays in dataflow_applied", async () => {
  const { id } = await upload(...four);
  await expectWhole(id);
  await until(() => applied().length === 0);
  expect((await metrics(system.url)).get('dataflow_table_seconds_count{database="crm"}')).toBeGreaterThan(0);
});

test("if DataFlow's own commit fails after the table's commit, the chunk is repeated and finds itself written", async () => {
  const away = new DatabaseUnavailable("away");
  const commits = jest.spyOn(storeOf(system), "commitChunk").mockRejectedValueOnce(away).mockRejectedValueOnce(away);
  const { id } = await upload(...four);
  await until(() => commits.mock.calls.length > 2);
  await expectWhole(id);
});

test("a batch that is cancelled between the two commits has what is written in its counts; a late worker writes nothing", async () => {
  const between = hangBetween(system);
  const { id } = await upload(...four);
  const early = await between.reached;
  expect((await cancel(system, id)).status).toBe(200);
  between.go();
  expect(await between.late).toBeNull();
  expect(await ended(system, client, id)).toMatchObject({ status: "cancelled", counts: half });
  // The move counts this chunk's faults by number only.
  expect(await summaryOf(id)).toMatchObject({ total: half.rejected, groups: [], other: { count: half.rejected } });
  expect(numbers()).toEqual([1, 3]);
  await until(() => applied().length === 0);
  expect(await call(system.broker, "batch.enterTable", { batch: early })).toBeNull();
});

test("a trigger that ends the transaction: the chunk begins again without that row", async () => {
  run(`CREATE TRIGGER strict BEFORE INSERT ON orders WHEN NEW.no = 3 BEGIN SELECT RAISE(ROLLBACK, 'no'); END`);
  const { id } = await upload({ no: 1 }, { no: 3 }, { no: 4 }, { no: 5 });
  expect(await ended(system, client, id)).toMatchObject({ counts: { accepted: 3, rejected: 1, created: 3 } });
  expect(numbers()).toEqual([1, 4, 5]);
});

test("a chunk waits for a file that another program is writing", async () => {
  const other = new DatabaseSync(file);
  other.exec("BEGIN IMMEDIATE; INSERT INTO customers VALUES (9)");
  const { id } = await upload(...four);
  await until(async () => (await storeOf(system).batch(id, null))?.state === "processing");
  other.exec("COMMIT");
  other.close();
  expect(await ended(system, client, id)).toMatchObject({ status: "completed", counts: { accepted: 4, created: 4 } });
});

test("while the file is away, the batch waits without an attempt, and a cancel answers that it is", async () => {
  for (const end of ["", "-wal", "-shm"]) move(`${file}${end}`, `${file}.away${end}`);
  const { id } = await upload(...four);
  const waits = await until(async () => {
    const told = (await (await admin(system.url, `/batches/${id}`)).json()) as { status: string; waits: string | null };
    return told.status === "ready" && told.waits;
  });
  expect(waits).toBe('the table database "crm" is away');
  expect((await cancel(system, id)).status).toBe(503);
  const ready = (await (await fetch(`${system.url}/health/ready`)).json()) as object;
  expect(ready).toMatchObject({ status: "degraded", checks: { tables: { crm: { status: "down" } } } });
  for (const end of ["", "-wal", "-shm"]) move(`${file}.away${end}`, `${file}${end}`);
  await expectWhole(id);
});

function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
