/** The promise: two nodes delete the same batches while others work. Each piece is short, and nothing is left. */
import pg from "pg";
import type { Database } from "../../../database/database.ts";
import type { Removal } from "../../../services/batch/batch.reads.domain.ts";
import { describePostgres, freshPostgres, type TestDatabase } from "../../helpers/database.ts";
import { chunk, chunkCommit, isOver, ready } from "../store/drafts.ts";
import { opened } from "./kit.ts";

const BATCHES = 6;
const CHUNKS = 40;
/** The limit of a piece. The tables hold a few times as many rows. */
const LIMIT = 7;
/** How often a busy worker commits meanwhile. */
const BUSY_COMMITS = 60;

let first: TestDatabase;
let second: Database;

describePostgres("removal by two nodes at once", () => {
  beforeEach(async () => {
    first = await freshPostgres();
    second = await opened(first.url);
  });
  afterEach(async () => {
    await second.close();
    await first.remove();
  });

  const select = async <T>(sql: string): Promise<T[]> => (await first.db.sequelize.query(sql))[0] as T[];
  const countOf = async (table: string, id: number) =>
    (await select<{ n: number }>(`SELECT count(*)::int AS n FROM ${table} WHERE batch_id = ${id}`))[0]?.n;

  /** A finished batch. Each chunk has three records, of which two are wrong with two errors each. */
  async function worked(clientId: number): Promise<number> {
    const { store } = first.db;
    const chunks = Array.from({ length: CHUNKS }, (_, no) => chunk(no));
    const totals = { bytes: 60, records: 3 * CHUNKS, chunks: CHUNKS, contentHash: "ab".repeat(32), envelope: {} };
    const { id } = await ready(store, clientId, { chunks, totals });
    let batch = (await store.claim(id, "node-1", 30_000))?.batch;
    while (batch && batch.nextChunk < CHUNKS) batch = (await store.commitChunk(chunkCommit(batch, [0, 2])))?.batch;
    await isOver(first.db, id);
    return id;
  }

  /** What a busy worker does meanwhile. */
  async function work(): Promise<void> {
    const { store } = second;
    for (let n = 0; n < BUSY_COMMITS; n++) {
      const { id } = await ready(store, 1_000 + n);
      const batch = (await store.claim(id, "node-2", 30_000))?.batch;
      if (batch) await store.commitChunk(chunkCommit(batch, [1]));
    }
  }

  /** Both nodes delete every batch piece by piece. `check` is called each time that one of them reports the end. */
  async function byBoth(
    ids: number[],
    remove: (db: Database, id: number) => Promise<Removal>,
    check: (id: number) => Promise<void>,
  ): Promise<void> {
    await Promise.all(
      [first.db, second].flatMap((db) =>
        ids.map(async (id) => {
          while ((await remove(db, id)) !== "done");
          await check(id);
        }),
      ),
    );
  }

  test("when one of two nodes reports the end, no chunk, record, error or batch is left", async () => {
    const ids: number[] = [];
    for (let n = 0; n < BATCHES; n++) ids.push(await worked(n + 1));
    const retention = { inMs: -60_000 };
    const working = work();
    await byBoth(
      ids,
      ({ store }, id) => store.purgeChunks(id, LIMIT, retention),
      async (id) => expect(await countOf("batch_chunk", id)).toBe(0),
    );
    expect(await select("SELECT DISTINCT chunks FROM batch WHERE client_id < 1000")).toEqual([{ chunks: 0 }]);
    await byBoth(
      ids,
      ({ store }, id) => store.deleteBatch(id, LIMIT),
      async (id) => {
        for (const table of ["batch_chunk", "record", "record_error"])
          expect([table, await countOf(table, id)]).toEqual([table, 0]);
      },
    );
    expect(await select("SELECT id FROM batch WHERE client_id < 1000")).toEqual([]);
    await working;
    expect(await select("SELECT count(*)::int AS records FROM record")).toEqual([{ records: 2 * BUSY_COMMITS }]);
  });

  test("a piece takes the first rows, and no more than it may", async () => {
    const id = await worked(1);
    await first.db.store.purgeChunks(id, LIMIT, { at: 1 });
    expect(await select(`SELECT min(no) AS first FROM batch_chunk WHERE batch_id = ${id}`)).toEqual([{ first: LIMIT }]);
    while ((await first.db.store.purgeChunks(id, LIMIT, { at: 1 })) === "more");
    await first.db.store.deleteBatch(id, LIMIT);
    expect(await countOf("record_error", id)).toBe(4 * CHUNKS - LIMIT);
    expect(await countOf("record", id)).toBe(CHUNKS);
  });

  test("a late purge changes nothing of a batch whose chunks are gone", async () => {
    const id = await worked(1);
    while ((await first.db.store.purgeChunks(id, CHUNKS, { at: 99 })) === "more");
    expect(await second.store.purgeChunks(id, CHUNKS, { at: 100 })).toBe("done");
    expect(await select(`SELECT due_at FROM batch WHERE id = ${id}`)).toEqual([{ due_at: 99 }]);
  });

  test("a piece does not scan rows that earlier pieces deleted, also before a vacuum", async () => {
    const records = 20_000;
    const pieces = 40;
    const { id } = await ready(first.db.store, 1);
    await first.db.sequelize.query(`INSERT INTO record SELECT ${id}, n, '{}' FROM generate_series(1, ${records}) n`);
    await isOver(first.db, id);
    const reader = new pg.Client(first.url);
    await reader.connect();
    await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await reader.query("SELECT 1 FROM record LIMIT 1");
    while ((await second.store.deleteBatch(id, records / pieces)) !== "done");
    await reader.end();
    // A connection's statistics are complete when it closes.
    await second.close();
    second = await opened(first.url);
    const [{ read } = { read: 0 }] = await select<{ read: number }>(
      "SELECT idx_tup_read::int AS read FROM pg_stat_user_indexes WHERE indexrelid = 'record_pkey'::regclass",
    );
    expect(read).toBeGreaterThan(records);
    expect(read).toBeLessThan(8 * records);
  });
});
