import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { type Database, openDatabase } from "../../../database/database.ts";
import { DatabaseInUse, DatabaseUnavailable } from "../../../database/errors.ts";
import { isUnavailable } from "../../../database/unavailable.ts";
import { root } from "../../../root.cjs";
import { freshDatabase, type TestDatabase } from "../../helpers/database.ts";
import { patience } from "../../helpers/patience.ts";
import { datasetsFromBefore } from "./datasets.suite.ts";
import { chunk, chunkCommit, claimed, LEASE, newBatch, ready, upload } from "./drafts.ts";
import {
  countsFromBefore,
  passesFromBefore,
  placesFromBefore,
  queueFromBefore,
  reportsFromBefore,
  workFromBefore,
} from "./from-before.ts";
import { conformanceIn, sqliteSpot } from "./places.ts";

conformanceIn("sqlite", sqliteSpot);

describe("only on sqlite", () => {
  let opened: TestDatabase;
  beforeEach(async () => {
    opened = await freshDatabase();
  });
  afterEach(() => opened.remove());

  test("a running batch from before groups existed has its slot", () => placesFromBefore(opened.db));
  test("batches from before datasets were known are of the client's own", () => datasetsFromBefore(opened.db));

  test("a failing unit of a group does not harm the others", async () => {
    const { store } = opened.db;
    const batch = await claimed(store, 1);
    const taken = upload(1);
    const same = upload(1, { batch: { ...taken.batch } });
    const results = await Promise.allSettled([
      store.commitUpload(taken),
      store.commitUpload(same),
      store.commitChunk(chunkCommit(batch, [], { records: 9 })),
      store.beginUpload(taken.batch, LEASE),
      store.beginUpload(newBatch(1), LEASE),
      store.commitChunk(chunkCommit(batch)),
    ]);
    expect(results.map(({ status }) => status === "fulfilled")).toEqual([true, false, false, false, true, true]);
    expect((await store.stats()).states).toEqual({ ready: 1, receiving: 1, processing: 1 });
    expect(await store.records(batch.id, 0, 10, 1e6)).toHaveLength(3);
  });

  test("endless reads do not block writes", async () => {
    const { store } = opened.db;
    const batch = await claimed(store, 1);
    const errors = [0, 1, 2].map((index) => ({ index, line: 1, raw: "r".repeat(200_000), errors: [] }));
    const counts = { accepted: 0, rejected: 3, duplicate: 0 };
    await store.commitChunk({ ...chunkCommit(batch, [0, 1, 2]), errors, counts });
    let read = 0;
    let isOver = false;
    const reading = Array.from({ length: 32 }, async () => {
      for (; !isOver; read++) await store.errors(batch.id, 0, 3, 1_000_000);
    });
    const before = read;
    for (let i = 0; i < 3; i++) await ready(store, 2);
    isOver = true;
    // A write waits for the reads before it, and few later reads overtake it.
    expect(read - before).toBeLessThan(patience(1_000));
    await Promise.all(reading);
  });

  test("answered writes are there after the process is killed", async () => {
    await opened.db.close();
    const child = holder(opened.url);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    await expect(openDatabase({ url: opened.url })).rejects.toThrow("test.db is in use by another process");
    child.kill("SIGKILL");
    await once(child, "exit");
    const db = await openDatabase({ url: opened.url });
    expect(await db.pending()).toEqual([]);
    expect((await db.store.list({ limit: 10 })).map(({ state }) => state)).toEqual(["ready"]);
    await db.close();
  });

  test("a batch from before maxStoredErrors existed goes on", () => reportsFromBefore(opened.db));

  test("errors from before they had a pass number are read", () => passesFromBefore(opened.db));

  test("a queue from before waiting clients were marked goes on", () => queueFromBefore(opened.db));

  test("running batches from before tables were delivered into go on", () => countsFromBefore(opened.db, []));

  test("running batches from before batch_work existed go on", () => workFromBefore(opened.db, []));

  test("opening a file twice in the same process is refused too", async () => {
    await expect(openDatabase({ url: opened.url })).rejects.toBeInstanceOf(DatabaseInUse);
  });

  test("a transaction of Sequelize delays the store's writes, not its reads", async () => {
    const { store, sequelize } = opened.db;
    let isStored = false;
    let stored: Promise<unknown> = Promise.resolve();
    await sequelize.transaction(async () => {
      stored = ready(store, 1).then(() => {
        isStored = true;
      });
      for (let i = 0; i < 5; i++) expect(await store.list({ limit: 10 })).toEqual([]);
      expect(isStored).toBe(false);
    });
    await stored;
    expect(await store.list({ limit: 10 })).toHaveLength(1);
  });

  test("a transaction that stays open is rolled back, and the store goes on", async () => {
    const { store, sequelize } = opened.db;
    const transaction = await sequelize.transaction();
    await sequelize.query("INSERT INTO batch_lock (name, token, expires_at) VALUES ('a', 'b', 1)", { transaction });
    await ready(store, 1);
    const late = sequelize.query("INSERT INTO batch_lock (name, token, expires_at) VALUES ('c', 'b', 2)", {
      transaction,
    });
    expect(isUnavailable(await late.catch((error) => error))).toBe(true);
    await transaction.rollback();
    expect((await sequelize.query("SELECT * FROM batch_lock"))[0]).toEqual([]);
  });

  test("closing finishes pending calls; afterwards every call is refused", async () => {
    const { db } = opened;
    const all = Promise.all([ready(db.store, 1), ready(db.store, 1), db.now()]);
    await Promise.all([all, db.close()]);
    await expect(db.now()).rejects.toBeInstanceOf(DatabaseUnavailable);
    const again = await openDatabase({ url: opened.url });
    expect(await again.store.list({ limit: 10 })).toHaveLength(2);
    await again.close();
  });

  test("when the thread dies, pending and later calls are refused", async () => {
    const { db } = opened;
    const thread = await threadOf(db);
    await db.sequelize.transaction();
    const pending = ready(db.store, 1);
    await db.now();
    await Promise.all([expect(pending).rejects.toBeInstanceOf(DatabaseUnavailable), thread.terminate()]);
    await expect(db.store.list({ limit: 1 })).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect(isUnavailable(await db.models.Client.count().catch((error) => error))).toBe(true);
    await db.close();
  });

  test("a new database is migrated once, whoever asks at the same time", async () => {
    const db = await openDatabase({ url: "sqlite::memory:" });
    const pending = await db.pending();
    expect(pending[0]).toBe("0001-schema");
    const steps = await Promise.all([db.migrate(), db.migrate()]);
    expect(steps.flat().sort()).toEqual(pending);
    await db.close();
  });

  test("a full disk is `unavailable`, without a path, and goes away", async () => {
    const { store, sequelize } = opened.db;
    await sequelize.query("CREATE TABLE filler (x)");
    const [[{ page_count: pages }]] = (await sequelize.query("PRAGMA page_count")) as [
      [{ page_count: number }],
      unknown,
    ];
    await setMaxPages(pages + 2);
    const chunks = [{ ...chunk(0), body: Buffer.alloc(1_000_000, 1) }];
    const failed = await store.commitUpload(upload(1, { chunks })).catch((error) => error);
    expect(failed).toBeInstanceOf(DatabaseUnavailable);
    expect(failed.message).not.toContain("/");
    await setMaxPages(1_000_000);
    expect(await store.list({ limit: 10 })).toEqual([]);
    await store.commitUpload(upload(1, { chunks }));
    expect(await store.list({ limit: 10 })).toHaveLength(1);

    /** Sets the limit within a transaction, so that the statement reaches the writing connection. */
    async function setMaxPages(max: number) {
      await sequelize.transaction((transaction) => sequelize.query(`PRAGMA max_page_count = ${max}`, { transaction }));
    }
  });
});

/** The worker thread of the database. The test catches it while a message is sent to it. */
async function threadOf(db: Database): Promise<Worker> {
  const sending = jest.spyOn(Worker.prototype, "postMessage");
  await db.now();
  const [thread] = sending.mock.contexts;
  sending.mockRestore();
  return thread as Worker;
}

/** A process that stores one batch, says so, and keeps running. */
function holder(url: string): ChildProcess {
  const script = join(root, "test/integration/store/holder.ts");
  return spawn(join(root, "node_modules/.bin/node"), [script, url], { stdio: ["ignore", "pipe", "inherit"] });
}
