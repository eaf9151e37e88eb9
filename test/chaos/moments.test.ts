/**
 * The promise: counts are exact and work goes on after a process was killed in a check, in the delivery after a commit, while it
 * takes batches back, or while it sends a webhook. One process serves all these tests, because each start costs a second of CPU
 * time.
 */
import { DatabaseSync } from "node:sqlite";
import { type Database, openDatabase } from "../../database/database.ts";
import { describePostgres, migratedPostgres, type Schema } from "../helpers/database.ts";
import { accepted, admin, type Batch, batchWhen, lines, newClient, post, type TestClient } from "../helpers/http.ts";
import { patience, until } from "../helpers/patience.ts";
import { killLeftOvers, type RunningProcess, startProcess, temporaryFolder, untilFile } from "../helpers/process.ts";
import { type Receiver, startReceiver } from "../helpers/receiver.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { begun, listed, long, outcomeOf, RUNNING, sentAgain } from "./uploads.ts";

const place = temporaryFolder();
const env = {
  DATABASE_URL: place.databaseUrl,
  BATCH_LEASE: "1s",
  SWEEP_INTERVAL: "100ms",
  SHUTDOWN_TIMEOUT: "2s",
  TABLES_ALLOWED: "*",
  WEBHOOK_ALLOWED_HOSTS: "127.0.0.1",
};
const schema = { properties: { n: { type: "integer" } } };

let receiver: Receiver;
let running: RunningProcess;
/** The receiver never answers the first attempt of each batch. It answers later attempts. */
beforeAll(async () => {
  const seen = new Set<string>();
  receiver = await startReceiver((_number, _res, { event }) => {
    if (seen.has(event.id)) return 200;
    seen.add(event.id);
    return new Promise(() => {});
  });
  const file = new DatabaseSync(place.file);
  file.exec("CREATE TABLE staff (no INTEGER PRIMARY KEY, batch TEXT); CREATE INDEX staff_batch ON staff (batch)");
  file.close();
  running = await startProcess(env);
});
afterAll(async () => {
  killLeftOvers();
  await receiver.close();
  place.remove();
});

async function killed(): Promise<void> {
  await running.stop("SIGKILL");
  running = await startProcess(env);
}

const toldOf = (id: string) => receiver.got.filter(({ event }) => event.subject === id);

/** Uploads a batch, and waits until its webhook is being sent. The receiver does not answer. */
async function sending(url = running.url): Promise<string> {
  const client = await newClient(url, { webhook: { url: receiver.url } });
  const { id } = await accepted(url, client, '{"a":1}');
  await until(() => toldOf(id).length === 1, "the receiver has it");
  return id;
}

interface Delivery {
  status: string;
  attempts: { status: number | null; error: string | null }[];
}

async function deliveryOf(url: string, batchId: string): Promise<Delivery | undefined> {
  const response = await admin(url, `/deliveries?batch=${batchId}`);
  return ((await response.json()) as { items: Delivery[] }).items[0];
}

const again = { status: 200, error: null };

async function isSentAgain(url: string, id: string, attempts: Delivery["attempts"]): Promise<void> {
  await until(async () => (await deliveryOf(url, id))?.status === "delivered", "it is delivered");
  expect((await deliveryOf(url, id))?.attempts).toMatchObject(attempts);
  expect(new Set(toldOf(id).map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(toldOf(id)).toHaveLength(2);
}

describe("a process that is killed", () => {
  /** A batch with this many chunks lasts long enough that a kill comes in the middle. */
  const CHUNKS = 600;
  const counts = { received: 3 * CHUNKS, accepted: CHUNKS, rejected: CHUNKS, duplicate: CHUNKS };
  let client: TestClient;
  let id: string;

  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${running.url}${path}`, {
      ...init,
      headers: { authorization: client.auth, "content-type": "application/x-ndjson" },
    });
  const pastTheTenthChunk = (phase: string) =>
    `SELECT count(*) FROM batch_work WHERE phase = '${phase}' AND next_chunk > 10`;

  test("in a check, while sending a webhook and while receiving an upload, finishes all three after its start", async () => {
    const uploads = await newClient(running.url, { chunkRecords: 100 });
    const done = { "idempotency-key": "done" };
    const answered = await outcomeOf(await post(running.url, uploads, long, undefined, done));
    const first = begun(running.url, uploads);
    // The webhook starts late, because an attempt gives up after 15 s.
    const told = await sending();
    client = await newClient(running.url, { schema, uniqueKey: "id", chunkRecords: 3, maxAttempts: 100 });
    // In each chunk one record is new, one is a duplicate of an earlier chunk, and one is wrong.
    const body = Array.from({ length: CHUNKS }, (_, i) => `{"id":${i}}\n{"id":0}\n{"n":"x"}`).join("\n");
    const sent = await ask("/imports?validateOnly=true", { method: "POST", body });
    ({ id } = (await sent.json()) as Batch);
    await untilFile(place, `SELECT (${RUNNING}) AND (${pastTheTenthChunk("check")})`);
    await killed();
    await first;
    expect(await batchWhen(running.url, client, id)).toMatchObject({ status: "validated", counts });
    expect(await lines(ask(`/imports/${id}/records`))).toEqual([]);
    await isSentAgain(running.url, told, [again]);
    // The key of the aborted upload is free again. A key that was answered gets the same answer again.
    expect(await outcomeOf(await post(running.url, uploads, long, undefined, done))).toEqual({
      ...answered,
      isReplayed: true,
    });
    expect(await outcomeOf(await sentAgain(running.url, uploads))).toMatchObject({ status: 202, isReplayed: false });
    expect(await listed(running.url, uploads)).toHaveLength(2);
  });

  test("in the delivery after a commit counts exactly after its start", async () => {
    expect((await ask(`/imports/${id}/commit`, { method: "POST" })).status).toBe(202);
    await untilFile(place, pastTheTenthChunk("deliver"));
    await killed();
    expect((await ask(`/imports/${id}/commit`, { method: "POST" })).status).toBe(200);
    expect(await batchWhen(running.url, client, id)).toMatchObject({ status: "completed_with_errors", counts });
    expect(await lines(ask(`/imports/${id}/records`))).toHaveLength(CHUNKS);
    expect(await lines(ask(`/imports/${id}/errors`))).toHaveLength(CHUNKS);
  });
});

describe("a process that takes batches back", () => {
  const MANY = 12_000;
  const bodyOf = (of: (n: number) => object) =>
    Array.from({ length: MANY }, (_, i) => JSON.stringify(of(i + 1))).join("\n");
  let clients: TestClient[];
  let batches: string[];
  const list = (ids: string[]) => ids.map((id) => `'${id}'`).join(",");

  async function imported(client: TestClient, body: string): Promise<string> {
    const { id } = await accepted(running.url, client, body);
    await batchWhen(running.url, client, id);
    return id;
  }

  beforeAll(async () => {
    const table = { name: "staff", mode: "insert", columns: { no: "n", batch: { meta: "batchId" } } };
    const keyed = await newClient(running.url, { uniqueKey: "n" });
    const rows = await newClient(running.url, { schema, handler: "table", table });
    const corrects = await newClient(running.url, { schema });
    const right = bodyOf((n) => ({ n }));
    batches = [await imported(keyed, right), await imported(rows, right)];
    for (const client of [keyed, rows]) await imported(client, `{"n":${MANY + 1}}`);
    const first = await imported(
      corrects,
      bodyOf(() => ({ n: "x" })),
    );
    const headers = { authorization: corrects.auth, "content-type": "application/x-ndjson" };
    const body = bodyOf((n) => ({ _record: n, n }));
    const sent = await fetch(`${running.url}/imports?corrects=${first}`, { method: "POST", headers, body });
    const { id: correction } = (await sent.json()) as Batch;
    expect(await batchWhen(running.url, corrects, correction)).toMatchObject({ counts: { accepted: MANY } });
    batches.push(correction);
    clients = [keyed, rows, corrects];
  });

  test("finishes each undo however often it is killed; after a planned stop it sends its webhook again", async () => {
    const body = JSON.stringify({ reason: "killed" });
    for (const id of batches) await admin(running.url, `/batches/${id}/undo`, { method: "POST", body });
    const ofThem = `batch_id IN (SELECT id FROM batch WHERE public_id IN (${list(batches)}))`;
    for (const some of [`count(*) <= ${MANY} FROM staff`, `count(*) < ${2 * MANY} FROM record_key WHERE ${ofThem}`]) {
      await untilFile(place, `SELECT ${some}`);
      await killed();
    }
    for (const [i, id] of batches.entries())
      await batchWhen(running.url, clients[i] as TestClient, id, ({ status }) => status === "undone");

    const told = await sending();
    const { code, ms } = await running.stop();
    expect({ code, isInTime: ms < patience(5_000) }).toEqual({ code: 0, isInTime: true });
    const ofClients = `batch_id IN (SELECT b.id FROM batch b JOIN client c ON c.id = b.client_id WHERE c.public_id IN (${list(clients.map(({ id }) => id))}))`;
    const file = new DatabaseSync(place.file);
    const count = (sql: string) => Object.values(file.prepare(`SELECT count(*) FROM ${sql}`).get() as object)[0];
    const left = ["staff", `record WHERE ${ofClients}`, `record_key WHERE ${ofClients}`];
    expect([...left, "batch WHERE corrected IS NOT NULL"].map(count)).toEqual([1, 2, 1, 0]);
    file.close();

    running = await startProcess(env);
    await isSentAgain(running.url, told, [{ status: null, error: "the node stops" }, again]);
    expect((await running.stop()).code).toBe(0);
  });
});

describePostgres("two nodes on PostgreSQL", () => {
  /** The lease that docs/webhooks.md promises. */
  const LEASE_MS = 30_000;
  let own: Schema;
  let db: Database;
  let second: System | undefined;

  beforeAll(async () => {
    own = await migratedPostgres();
    db = await openDatabase({ url: own.url });
  });
  afterAll(async () => {
    await second?.stop();
    await db?.close();
    await own?.drop();
  });

  test("after a node is killed while it sends a webhook, the other sends it once the lease has expired, with the same id", async () => {
    const here = { ...env, DATABASE_URL: own.url };
    const first = await startProcess(here);
    const id = await sending(first.url);
    // The second node starts after the first has taken this delivery, so it cannot be the node that took it.
    second = await startSystem({ env: here });
    await first.stop("SIGKILL");
    expect(await deliveryOf(second.url, id)).toMatchObject({ status: "pending", attempts: [] });
    await db.sequelize.query(`UPDATE delivery SET due_at = due_at - ${LEASE_MS}`);
    await isSentAgain(second.url, id, [again]);
  });
});
