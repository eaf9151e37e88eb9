/** The promise: expired keys are deleted whatever else is due, and nothing is deleted while the clock is in doubt. */
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { defaultPolicy } from "../../../services/policy/policy.schema.ts";
import { Retention } from "../../../services/retention/retention.rounds.ts";
import { freshDatabase } from "../../helpers/database.ts";
import { chunkCommit, claimed, end, isOver, ready, stored, upload } from "../../integration/store/drafts.ts";

const parts = {
  logger: { warn: () => {} },
  auditMs: 86_400_000,
  removed: () => {},
  erasures: async () => [],
  erase: async () => "done" as const,
  mayDelete: async () => true,
  retentionOf: async () => ({ inMs: 0 }),
  policyOf: async () => ({ policy: defaultPolicy, isGone: false }),
  takeBackOf: async () => ({ fault: "not asked for" }),
  calls: { begin: async () => {} },
  wait: async () => {},
  finish: async () => null,
};

test("more keys than one piece takes go in one run, though no batch is due", async () => {
  const { db, remove } = await freshDatabase();
  const { store, sequelize } = db;
  await stored(store, upload(1, { key: { key: "k", keepMs: 60_000, fingerprint: "0a".repeat(32) } }));
  const columns = Object.keys((await sequelize.query('SELECT * FROM "idempotency_key"'))[0][0] as object);
  const others = columns.map((name) => (name === "key" ? "'k' || n" : `"${name}"`)).join(", ");
  await sequelize.query(`WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1500)
    INSERT INTO "idempotency_key" (${columns.map((name) => `"${name}"`).join(", ")})
    SELECT ${others} FROM "idempotency_key", numbers`);
  await sequelize.query(`UPDATE "idempotency_key" SET "expires_at" = 1`);
  const left = async () =>
    ((await sequelize.query('SELECT count(*) AS n FROM "idempotency_key"'))[0][0] as { n: number }).n;
  const run = (mayDelete: boolean) => new Retention({ ...parts, store, mayDelete: async () => mayDelete }).run();
  await run(false);
  expect(await left()).toBe(1_501);
  await run(true);
  expect(await left()).toBe(0);
  await remove();
});

test("entries of the audit go when they are older than it is kept, though more than one piece takes", async () => {
  const { db, remove } = await freshDatabase();
  const { store, sequelize } = db;
  const now = await db.now();
  const insert = (n: number, at: number) =>
    sequelize.query(`WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${n})
    INSERT INTO "audit" ("public_id", "at", "action", "status") SELECT 'x', ${at}, 'batch.undo', 'done' FROM numbers`);
  await insert(1_500, now - 2 * parts.auditMs);
  await insert(2, now - parts.auditMs / 2);
  await new Retention({ ...parts, store }).run();
  expect((await store.listAudit({ limit: 500 })).length).toBe(2);
  await remove();
});

test("nothing is deleted by the answer to another question", async () => {
  const { db, remove } = await freshDatabase();
  const batch = await ready(db.store, 1);
  const store = { ...db.store, due: async () => [batch] };
  await new Retention({ ...parts, store }).run();
  expect(await db.store.batch(batch.publicId, 1)).toMatchObject({ state: "ready", chunks: 2 });
  await remove();
});

test("it fails at the first piece when the database is away: the next round tries all", async () => {
  const { db, remove } = await freshDatabase();
  for (const clientId of [1, 2]) await ready(db.store, clientId, { state: "rejected" });
  const away = new DatabaseUnavailable("away");
  const purgeChunks = jest.fn().mockRejectedValue(away);
  const retention = new Retention({ ...parts, store: { ...db.store, purgeChunks } });
  await expect(retention.run()).rejects.toBe(away);
  expect(purgeChunks).toHaveBeenCalledTimes(1);
  await remove();
});

test("it tells of the rows that it deletes, and of the oldest batch that it cannot", async () => {
  const { db, remove } = await freshDatabase();
  const [first, second] = [await claimed(db.store, 1), await claimed(db.store, 1)];
  for (const batch of [first, second]) await db.store.commitChunk(chunkCommit(batch, [1], { end: end() }));
  for (const { id } of [first, second]) await isOver(db, id);
  const rows = new Map<string, number>();
  const removed = (table: string, n: number) => void rows.set(table, (rows.get(table) ?? 0) + n);
  const refused = jest.fn(db.store.purgeChunks).mockRejectedValueOnce(new Error("locked"));
  const retention = new Retention({ ...parts, store: { ...db.store, purgeChunks: refused }, removed });
  await retention.run();
  expect(retention.oldestLeft).toBe(1);
  await retention.run();
  expect(retention.oldestLeft).toBeNull();
  for (const { id } of [first, second]) await isOver(db, id);
  await retention.run();
  const told = Object.fromEntries([...rows].filter(([, n]) => n > 0));
  expect(told).toEqual({ batch: 2, batch_chunk: 4, record: 4, record_error: 4 });
  await remove();
});

test("while more is due than a round deletes, it tells about when the rest was due", async () => {
  const { db, remove } = await freshDatabase();
  for (let n = 0; n < 205; n++) await ready(db.store, 1, { chunks: [] });
  await db.sequelize.query(`UPDATE "batch" SET "state" = 'cancelled', "chunks" = 0, "due_at" = 1000 + "id"`);
  const [first] = await db.store.due("cancelled", 1);
  const told: (number | null)[] = [];
  // `forgetExpiredKeys` is the last call of each round, so here the round has found what it leaves.
  const forgetExpiredKeys: typeof db.store.forgetExpiredKeys = (...args) => {
    told.push(retention.oldestLeft);
    return db.store.forgetExpiredKeys(...args);
  };
  const retention = new Retention({ ...parts, store: { ...db.store, forgetExpiredKeys } });
  await retention.run();
  const dueAt = first?.dueAt ?? 0;
  expect(told).toEqual([dueAt + 99, dueAt + 199, null]);
  await remove();
});

test("errors of an earlier pass that cannot go have a line with their batch and its request", async () => {
  const { db, remove } = await freshDatabase();
  const stale = { batchId: 1, pass: 0, publicId: "01936b2e", requestId: "a-request" };
  const store = {
    ...db.store,
    staleErrors: async () => [stale],
    deleteStaleErrors: () => Promise.reject(new Error("locked")),
  };
  const warn = jest.fn();
  const logger = { ...parts.logger, warn };
  await new Retention({ ...parts, store, logger }).run();
  const about = { values: { batchId: stale.publicId, requestId: stale.requestId } };
  expect(warn.mock.calls).toEqual([["Retention cannot delete errors of the batch now:", expect.any(Error), about]]);
  await remove();
});
