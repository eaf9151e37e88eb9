/** The promise: several nodes delete large batches piece by piece, and no other work waits for that. */
import pg from "pg";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { call } from "../../../services/messages.ts";
import { describePostgres, freshPostgres, type TestDatabase } from "../../helpers/database.ts";
import { patience, until } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { isOver, newBatch, ready, upload } from "../store/drafts.ts";

const SWEEP_MS = 200;
const LEASE_MS = 1_000;
/** Twenty pieces, so that some are left after everything else that the test does. */
const ROWS = 12_000;
/** Eight pieces, for tests that wait for the last one. */
const FEW_ROWS = 6_000;
/** How long each piece takes in this test. So few rows take as long as millions would. */
const PIECE_MS = 150;

const env = { SWEEP_INTERVAL: `${SWEEP_MS}ms`, BATCH_LEASE: `${LEASE_MS}ms` };
const services = ["batch", "clientCache", "outbox", "policy"];

let database: TestDatabase;
let nodes: System[];

const rows = async <T>(sql: string): Promise<T[]> => (await database.db.sequelize.query(sql))[0] as T[];
const recordsOf = async (id: number) =>
  (await rows<{ n: number }>(`SELECT count(*)::int AS n FROM record WHERE batch_id = ${id}`))[0]?.n as number;

async function startNode(): Promise<System> {
  const node = await startSystem({ services, env: { ...env, DATABASE_URL: database.url } });
  nodes.push(node);
  return node;
}

/** A batch with this many records whose retention is over. */
async function overdue(clientId: number, count = ROWS): Promise<number> {
  const { id } = await ready(database.db.store, clientId, { chunks: [], totals: { ...upload(1).totals, chunks: 0 } });
  await rows(`INSERT INTO record SELECT ${id}, n, '{"n":1}' FROM generate_series(1, ${count}) n`);
  await isOver(database.db, id);
  return id;
}

/** A ready batch of a client that the node knows, with its policy. */
async function readyOn({ broker }: System): Promise<BatchRow> {
  const { client } = await call(broker, "clientCache.create", { clientIdentifier: "a-shop", name: "A shop" });
  const batch = { ...newBatch(client.id), policyVersion: client.policyVersion };
  return ready(database.db.store, client.id, { batch });
}

/** Slows each delete of records down, and notes its batch, its begin and its end. */
async function slowed(): Promise<void> {
  await rows("CREATE TABLE piece (batch_id BIGINT, began FLOAT, ended FLOAT)");
  await rows(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT 1 FROM old_rows) THEN
      PERFORM pg_sleep(${PIECE_MS / 1_000});
      INSERT INTO piece SELECT batch_id, extract(epoch FROM statement_timestamp()), extract(epoch FROM clock_timestamp())
        FROM old_rows LIMIT 1;
    END IF;
    RETURN NULL; END $$`);
  for (const table of ["record", "record_error"])
    await rows(`CREATE TRIGGER slow AFTER DELETE ON ${table} REFERENCING OLD TABLE AS old_rows
      FOR EACH STATEMENT EXECUTE FUNCTION slow()`);
}

describePostgres("retention on PostgreSQL", () => {
  beforeEach(async () => {
    database = await freshPostgres();
    nodes = [];
    await slowed();
  });
  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await database.remove();
  });

  test("an expired lease is taken in time while a large batch is being removed", async () => {
    const node = await startNode();
    const { id: busy, publicId } = await readyOn(node);
    const large = await overdue(1);
    await until(async () => (await recordsOf(large)) < ROWS);
    await call(node.broker, "batch.claim", { id: busy, owner: "a-dead-worker:1" });
    const began = performance.now();
    await until(
      async () => (await call(node.broker, "batch.get", { publicId })).state === "ready",
      "the batch to be ready",
      10_000,
    );
    expect(performance.now() - began).toBeLessThan(patience(LEASE_MS + SWEEP_MS + 1_000));
    expect(await recordsOf(large)).toBeGreaterThan(0);
  });

  test("two nodes share the removal, and never delete from the same batch at the same time", async () => {
    await Promise.all([startNode(), startNode()]);
    const ids = [await overdue(1, FEW_ROWS), await overdue(2, FEW_ROWS), await overdue(3, FEW_ROWS)];
    await until(
      async () => (await rows(`SELECT 1 FROM batch WHERE id IN (${ids})`)).length === 0,
      "all to be gone",
      25_000,
    );
    const pieces = await rows<{ batch_id: number; began: number; ended: number }>("SELECT * FROM piece ORDER BY began");
    const together = pieces.flatMap((one) =>
      pieces
        .filter((other) => other.began < one.ended && other.ended > one.began && other !== one)
        .map((other) => [one, other]),
    );
    expect(together.length).toBeGreaterThan(0);
    for (const [one, other] of together) expect(one?.batch_id).not.toBe(other?.batch_id);
  });

  test("a small batch does not wait for a large one that is due before it", async () => {
    const node = await startNode();
    const small = await readyOn(node);
    const large = await overdue(1);
    await until(async () => (await recordsOf(large)) < ROWS);
    await isOver(database.db, small.id);
    await until(async () => (await database.db.store.batch(small.publicId, null))?.chunks === 0);
    expect(await recordsOf(large)).toBeGreaterThan(0);
  });

  test("a node leaves the removal of another node alone, and continues it when that node dies", async () => {
    const id = await overdue(1);
    const other = new pg.Client(database.url);
    other.on("error", () => {});
    await other.connect();
    await other.query("BEGIN");
    await other.query(`SELECT 1 FROM batch WHERE id = ${id} FOR UPDATE`);
    const { store } = database.db;
    expect(await store.deleteBatch(id, 100)).toBe("busy");
    expect(await store.purgeChunks(id, 100, null)).toBe("busy");
    expect(await recordsOf(id)).toBe(ROWS);
    await database.db.sequelize.query(`SELECT pg_terminate_backend(${await pidOf(other)})`).catch(() => {});
    await until(async () => (await store.deleteBatch(id, 100)) === "more");
    expect(await recordsOf(id)).toBe(ROWS - 100);
    await other.end().catch(() => {});
  });

  test("a redrive of a batch with many errors works at once; the errors are hidden, and deleted later", async () => {
    const node = await startNode();
    const { id, publicId } = await readyOn(node);
    await rows(`INSERT INTO record_error (batch_id, seq, n, line, code, raw)
      SELECT ${id}, s, 0, s, 'type', '' FROM generate_series(1, ${FEW_ROWS}) s`);
    await rows(`UPDATE batch SET state = 'failed', phase = 'validate', due_at = due_at + 1e9::bigint WHERE id = ${id}`);
    const page = () => call(node.broker, "batch.errors", { id, after: 0, limit: 10 });
    expect(await page()).toHaveLength(10);
    const left = async () =>
      (await rows<{ n: number }>(`SELECT count(*)::int AS n FROM record_error WHERE batch_id = ${id}`))[0]?.n as number;
    await call(node.broker, "batch.redrive", { publicId });
    expect(await page()).toEqual([]);
    expect(await left()).toBeGreaterThan(0);
    await node.stop();
    nodes = [];
    expect(await left()).toBeGreaterThan(0);
    await startNode();
    await until(async () => (await left()) === 0, "nothing to be left", 25_000);
    await until(async () => (await rows("SELECT 1 FROM stale_errors")).length === 0);
  });

  test("a stop waits for the current piece of a removal; another node does the rest", async () => {
    const id = await overdue(1, FEW_ROWS);
    const first = await startNode();
    await until(async () => (await recordsOf(id)) < FEW_ROWS);
    const began = performance.now();
    await first.stop();
    nodes = [];
    expect(performance.now() - began).toBeLessThan(patience(5_000));
    const left = await recordsOf(id);
    expect(left).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 2 * PIECE_MS));
    expect(await recordsOf(id)).toBe(left);
    await startNode();
    await until(async () => (await rows(`SELECT 1 FROM batch WHERE id = ${id}`)).length === 0, "it to be gone", 25_000);
    expect(await recordsOf(id)).toBe(0);
  });
});

const pidOf = async (client: pg.Client) => (await client.query("SELECT pg_backend_pid() AS pid")).rows[0].pid as number;
