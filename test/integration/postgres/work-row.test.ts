/** The narrow row of a running batch: what it costs PostgreSQL, and what happens to it when another node takes the batch away. */
import type { Database } from "../../../database/database.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { describePostgres, freshPostgres, type TestDatabase } from "../../helpers/database.ts";
import { chunk, chunkCommit, claimed, end, LEASE, newBatch, ready, stored, upload } from "../store/drafts.ts";
import { opened } from "./kit.ts";

const CHUNKS = 120;

describePostgres("the row of a batch at work", () => {
  let at: TestDatabase;
  beforeEach(async () => {
    at = await freshPostgres();
  });
  afterEach(() => at.remove());

  const rows = async <T>(sql: string) => (await at.db.sequelize.query(sql))[0] as T[];

  /** Makes a large upload, and runs its batch to the end. */
  async function worked({ store }: Database, clientId: number): Promise<void> {
    const batch = newBatch(clientId);
    const id = await store.beginUpload(batch, LEASE);
    for (let no = 0; no < CHUNKS; no++) {
      await store.appendChunks(id, [chunk(no)], LEASE);
      await store.touchUploads([id], LEASE);
    }
    const totals = { ...upload(clientId).totals, chunks: CHUNKS, records: 3 * CHUNKS };
    await stored(store, upload(clientId, { id, batch, chunks: [], totals }));
    let current = (await store.claim(id, `node-${clientId}`, LEASE))?.batch as BatchRow;
    while (current.state === "processing") {
      const isLast = current.nextChunk === CHUNKS - 1;
      const written = await store.commitChunk(chunkCommit(current, [], isLast ? { end: end() } : {}));
      current = written?.batch as BatchRow;
      await store.extendLeases(`node-${clientId}`, [id], LEASE);
    }
  }

  test("nearly every update of running batches is HOT", async () => {
    // A connection's statistics are complete when it closes.
    const other = await opened(at.url);
    await Promise.all([1, 2, 3, 4, 5, 6].map((clientId) => worked(other, clientId)));
    await other.close();
    const [all] = await rows<{ updates: number; hot: number }>(
      `SELECT sum(n_tup_upd)::int AS updates, sum(n_tup_hot_upd)::int AS hot FROM pg_stat_user_tables
       WHERE schemaname = current_schema() AND relname IN ('batch', 'batch_work', 'client_queue')`,
    );
    const { updates, hot } = all as { updates: number; hot: number };
    expect(updates).toBeGreaterThan(6 * 3 * CHUNKS);
    expect(hot / updates).toBeGreaterThanOrEqual(0.95);
  });

  test("a cancel by a node of an older version stops the worker, and committed records are counted", async () => {
    const batch = await claimed(at.db.store, 1);
    const done = (await at.db.store.commitChunk(chunkCommit(batch, [0])))?.batch as BatchRow;
    await rows(`UPDATE batch SET state = 'cancelled', fence = fence + 1, version = version + 1, owner = NULL
      WHERE id = ${batch.id} AND state = 'processing' AND version = ${batch.version}`);
    expect(await at.db.store.commitChunk(chunkCommit(done))).toBeNull();
    expect(await at.db.store.extendLeases("node-1", [batch.id], LEASE)).toEqual([]);
    const stands = { state: "cancelled", nextChunk: 1, accepted: 2, rejected: 1, version: done.version + 1 };
    expect(await at.db.store.batch(batch.publicId, 1)).toMatchObject(stands);
    expect(await rows("SELECT batch_id FROM batch_work")).toEqual([]);
  });

  test("a node of an older version finds no lease of ours expired, and its own leases are found", async () => {
    const { store } = at.db;
    const [ours, theirs] = [await claimed(store, 1), await ready(store, 2)];
    await rows(
      `UPDATE batch SET state = 'processing', owner = 'old', fence = 1, due_at = 1, version = 2 WHERE id = ${theirs.id}`,
    );
    const seenByOlder = await rows<{ id: number }>(
      "SELECT id FROM batch WHERE state = 'processing' AND due_at <= 2e12",
    );
    expect(seenByOlder.map(({ id }) => Number(id))).toEqual([theirs.id]);
    expect((await store.due("processing", 9)).map(({ id }) => id)).toEqual([theirs.id]);
    expect((await store.list({ state: "processing", limit: 9 })).map(({ id }) => id)).toEqual([theirs.id, ours.id]);
  });
});
