/** Databases of earlier versions. Each function undoes a migration, runs it again, and checks that work goes on. */
import type { Database } from "../../../database/database.ts";
import { tableCounts } from "../../../database/rows.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { chunkCommit, claimed, end, LEASE, moveOf, newBatch, ready } from "./drafts.ts";

/** Removes the columns that a migration added, and its mark, so that the database is as before. */
export async function undoColumns(
  { sequelize }: Database,
  migration: string,
  table: string,
  columns: readonly string[],
) {
  for (const column of columns) await sequelize.query(`ALTER TABLE "${table}" DROP COLUMN "${column}"`);
  await sequelize.query(`DELETE FROM "schema_migration" WHERE "name" = '${migration}'`);
}

/** A batch from before error reports were limited can go on after the migration. */
export async function reportsFromBefore(db: Database): Promise<void> {
  const batch = await claimed(db.store, 1);
  await db.store.commitChunk(chunkCommit(batch, [0]));
  await db.store.move(moveOf(batch, "ready"));
  await undoColumns(db, "0006-error-report", "batch", ["faults", "unlisted"]);
  expect(await db.migrate()).toEqual(["0006-error-report"]);
  const found = (await db.store.claim(batch.id, "node-1", LEASE))?.batch as BatchRow;
  expect(found).toMatchObject({ rejected: 1, faults: 0, unlisted: 0 });
  const commit = chunkCommit(found, [0], { text: Buffer.from('{"n":6}'), unlisted: [1] });
  expect((await db.store.commitChunk(commit))?.batch).toMatchObject({ rejected: 2, faults: 2, unlisted: 1 });
}

/** A batch from before errors had a pass number shows its own errors and can start over. */
export async function passesFromBefore(db: Database): Promise<void> {
  const batch = await claimed(db.store, 1);
  await db.store.commitChunk(chunkCommit(batch, [0]));
  await db.sequelize.query('DROP TABLE "stale_errors"');
  await undoColumns(db, "0009-passes", "batch", ["pass"]);
  expect(await db.migrate()).toEqual(["0009-passes"]);
  const seen = async () => (await db.store.errors(batch.id, 0, 10, 1_000_000)).map(({ seq }) => seq);
  expect(await seen()).toEqual([1]);
  await db.store.move(moveOf(batch, "ready", { restart: "validate" }));
  expect(await seen()).toEqual([]);
  expect(await db.store.staleErrors(10)).toMatchObject([{ batchId: batch.id, publicId: batch.publicId, pass: 0 }]);
}

/** A queue from before waiting clients were marked is processed as before. */
export async function queueFromBefore(db: Database): Promise<void> {
  const first = await claimed(db.store, 1);
  const [next, other, later] = [
    await ready(db.store, 1),
    await ready(db.store, 2),
    await ready(db.store, 3, { due: { inMs: 60_000 } }),
  ];
  for (const name of ["began", "waiting"]) await db.sequelize.query(`DROP INDEX "client_queue_${name}_ix"`);
  await undoColumns(db, "0012-waiting-clients", "client_queue", ["began", "due_at"]);
  expect(await db.migrate()).toEqual(["0012-waiting-clients"]);
  expect((await db.store.candidates(9)).map(({ id }) => id)).toEqual([other.id, next.id]);
  expect(await db.store.claim(other.id, "node", LEASE)).not.toBeNull();
  await db.store.move(moveOf(later, "ready"));
  expect((await db.store.candidates(9)).map(({ id }) => id)).toEqual([later.id, next.id]);
  const [passes] = await db.sequelize.query('SELECT "pass", "began" FROM "client_queue" ORDER BY "client_id"');
  expect(passes).toEqual([
    { pass: 1000, began: 0 },
    { pass: 1000, began: 0 },
    { pass: 0, began: -1000 },
  ]);
  expect((await db.store.move(moveOf(first, "cancelled")))?.batch.state).toBe("cancelled");
}

/** The columns of `batch` as a node from before `batch_work` would have them for a running batch. */
const moved = [
  "next_chunk",
  "phase",
  "accepted",
  "rejected",
  "duplicate",
  "faults",
  "unlisted",
  "attempt",
  "version",
  "due_at",
];

/** Moves leases and counts of running batches into the batches' own rows, where nodes without `batch_work` have them. */
export async function asBeforeWork({ sequelize }: Database): Promise<void> {
  const sets = moved.map(
    (name) => `"${name}" = (SELECT w."${name}" FROM "batch_work" w WHERE w."batch_id" = "batch"."id")`,
  );
  await sequelize.query(`UPDATE "batch" SET ${sets.join(", ")} WHERE "id" IN (SELECT "batch_id" FROM "batch_work")`);
  await sequelize.query('DELETE FROM "batch_work"');
}

/** Running and waiting batches from before `batch_work`, one in each state, go on as they were. */
export async function workFromBefore(db: Database, triggers: string[]): Promise<void> {
  const { store, sequelize } = db;
  const waiting = await ready(store, 1);
  const held = await ready(store, 2, { state: "held", due: { inMs: 60_000 }, reason: { hold: "window", until: null } });
  const [running, lapsed, cancelled] = [await claimed(store, 3), await claimed(store, 4), await claimed(store, 5)];
  for (const batch of [running, lapsed, cancelled]) await store.commitChunk(chunkCommit(batch, [0]));
  const [slow, dead] = [newBatch(6), newBatch(6)];
  const uploads = [await store.beginUpload(slow, LEASE), await store.beginUpload(dead, LEASE)];
  await asBeforeWork(db);
  for (const id of [lapsed.id, uploads[1]]) await sequelize.query(`UPDATE "batch" SET "due_at" = 1 WHERE "id" = ${id}`);
  for (const trigger of triggers) await sequelize.query(trigger);
  await sequelize.query('DROP TABLE "batch_work"');
  const migrations = ["0013-batch-work", "0015-group-places", "0018-group-members", "0023-table-counts"];
  for (const name of migrations) await sequelize.query(`DELETE FROM "schema_migration" WHERE "name" = '${name}'`);
  const rows = async () => (await sequelize.query('SELECT * FROM "batch" ORDER BY "id"'))[0];
  const before = await rows();
  await undoColumns(db, "0023-table-counts", "batch", tableCounts);
  expect(await db.migrate()).toEqual(migrations);
  expect(await rows()).toEqual(before);

  expect(await store.batch(running.publicId, null)).toMatchObject({
    nextChunk: 1,
    accepted: 2,
    rejected: 1,
    version: 3,
  });
  expect((await store.due("processing", 9)).map(({ id }) => id)).toEqual([lapsed.id]);
  expect((await store.due("receiving", 9)).map(({ id }) => id)).toEqual([uploads[1]]);
  expect(await store.move(moveOf(running, "ready", { fence: 1, onlyDue: true }))).toBeNull();
  const taken = await store.move(moveOf(lapsed, "ready", { fence: 1, onlyDue: true }));
  expect(taken?.batch).toMatchObject({ fence: 2, nextChunk: 1, accepted: 2, version: 4 });
  const again = (await store.claim(lapsed.id, "node-2", LEASE))?.batch as BatchRow;
  expect((await store.commitChunk(chunkCommit(again, [], { end: end() })))?.batch).toMatchObject({
    accepted: 5,
    version: 6,
  });
  expect(await store.move(moveOf(cancelled, "cancelled", { version: 2 }))).toBeNull();
  expect((await store.move(moveOf(cancelled, "cancelled", { version: 3 })))?.batch).toMatchObject({
    accepted: 2,
    version: 4,
  });
  expect([
    await store.voidUpload(uploads[0] as number, true),
    await store.voidUpload(uploads[1] as number, true),
  ]).toEqual([false, true]);
  expect((await store.move(moveOf(held, "ready")))?.batch.state).toBe("ready");
  expect((await store.claim(waiting.id, "node-2", LEASE))?.batch).toMatchObject({ fence: 1, version: 2 });
}

/** A batch that was claimed before groups existed has its place, and frees it. */
export async function placesFromBefore(db: Database): Promise<void> {
  const [first, second] = [await claimed(db.store, 1), await claimed(db.store, 1)];
  await undoColumns(db, "0015-group-places", "batch_work", ["place"]);
  expect(await db.migrate()).toEqual(["0015-group-places"]);
  const running = async () =>
    (await db.sequelize.query('SELECT "running" FROM "client_queue"'))[0] as { running: number }[];
  await db.store.move(moveOf(first, "ready"));
  expect(await running()).toEqual([{ running: 1 }]);
  await db.store.commitChunk(chunkCommit(second, [], { end: end() }));
  expect(await running()).toEqual([{ running: 0 }]);
}

/**
 * A batch that a worker had before tables existed goes on. One that an operator's SQL takes from its worker keeps its counts.
 * `asBefore`: the statements that make the old trigger.
 */
export async function countsFromBefore(db: Database, asBefore: readonly string[]): Promise<void> {
  const [running, taken] = [await claimed(db.store, 1), await claimed(db.store, 2)];
  await db.store.commitChunk(chunkCommit(running, [0]));
  for (const statement of asBefore) await db.sequelize.query(statement);
  await undoColumns(db, "0023-table-counts", "batch_work", tableCounts);
  await undoColumns(db, "0023-table-counts", "batch", tableCounts);
  expect(await db.migrate()).toEqual(["0023-table-counts"]);
  const found = (await db.store.batch(running.publicId, null)) as BatchRow;
  expect(found).toMatchObject({ accepted: 2, rejected: 1, created: null, updated: null, deleted: null });
  const commit = chunkCommit(found, [], { end: end() });
  expect((await db.store.commitChunk(commit))?.batch).toMatchObject({ accepted: 5, created: null });
  const rows = { created: 1, updated: 0, deleted: 2 };
  const counts = { accepted: 3, rejected: 0, duplicate: 0, rows };
  expect((await db.store.commitChunk(chunkCommit(taken, [], { counts })))?.batch).toMatchObject(rows);
  if (asBefore.length === 0) return;
  await db.sequelize.query(`UPDATE "batch" SET "state" = 'cancelled' WHERE "id" = ${taken.id}`);
  expect(await db.store.batch(taken.publicId, null)).toMatchObject({ state: "cancelled", accepted: 3, ...rows });
}
