import type { Database } from "../../../database/database.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { chunk, chunkCommit, claimed, deleted, end, LEASE, moveOf, newBatch, ready, stored, upload } from "./drafts.ts";

/**
 * Values that change while a batch runs are in a row of their own. The batch's row is written only when the batch is taken and
 * given back.
 */
export function workRowSuite(database: () => Database): void {
  describe("the work row of a running batch", () => {
    const store = () => database().store;
    const rows = async (table: string) => (await database().sequelize.query(`SELECT * FROM "${table}"`))[0];
    const isFree = async () => (await rows("batch_work")).length === 0;

    test("commits and leases do not write the batch's row, and reads show the progress", async () => {
      const batch = await claimed(store(), 1);
      const before = await rows("batch");
      const done = await store().commitChunk(chunkCommit(batch, [0], { leaseMs: 2 * LEASE }));
      expect(await rows("batch")).toEqual(before);
      const live = { nextChunk: 1, accepted: 2, rejected: 1, faults: 2, attempt: 1, version: batch.version + 1 };
      expect(done?.batch).toMatchObject(live);
      expect(done?.batch.dueAt).toBeGreaterThan((batch.dueAt as number) + LEASE / 2);
      expect(await store().batch(batch.publicId, 1)).toEqual(done?.batch);
      expect(await store().list({ limit: 9 })).toMatchObject([live]);
      const seen = (version: number) => store().changed([{ publicId: batch.publicId, version }]);
      expect(await seen(batch.version)).toMatchObject([live]);
      expect(await seen(batch.version + 1)).toEqual([]);
      expect(await store().extendLeases("node-1", [batch.id], 9 * LEASE)).toEqual([{ id: batch.id, fence: 1 }]);
      expect(await rows("batch")).toEqual(before);
      expect((await store().batch(batch.publicId, 1))?.dueAt).toBeGreaterThan((batch.dueAt as number) + 7 * LEASE);
      const last = chunkCommit(done?.batch ?? batch, [], { end: end() });
      expect((await store().commitChunk(last))?.batch).toMatchObject({
        accepted: 5,
        rejected: 1,
        faults: 2,
        version: 4,
      });
      expect(await store().batch(batch.publicId, 1)).toMatchObject({ accepted: 5, version: 4, state: "completed" });
      expect(await isFree()).toBe(true);
    });

    test("rows in tables are counted for batches that have them", async () => {
      const [into, plain] = [await claimed(store(), 1), await claimed(store(), 2)];
      const rows = { created: 2, updated: 1, deleted: 0 };
      const counted = (batch: typeof into, over = {}) => {
        const commit = chunkCommit(batch, [0], over);
        return { ...commit, counts: { ...commit.counts, rows } };
      };
      const [first, beside] = await store().commitChunks([counted(into), chunkCommit(plain, [0])]);
      const done = first?.status === "fulfilled" ? first.value : null;
      expect(done?.batch).toMatchObject({ accepted: 2, ...rows });
      const other = { value: { batch: { accepted: 2, created: null, updated: null, deleted: null } } };
      expect(beside).toMatchObject(other);
      const going = done?.batch ?? into;
      await store().commitChunk(counted(going, { end: end() }));
      const sums = { created: 4, updated: 2, deleted: 0, state: "completed" };
      expect(await store().batch(into.publicId, 1)).toMatchObject(sums);
    });

    test("chunks and leases of an upload do not write its row", async () => {
      const batch = newBatch(1);
      const id = await store().beginUpload(batch, LEASE);
      const before = await rows("batch");
      expect(await store().appendChunks(id, [chunk(0)], LEASE)).toBe(true);
      await store().touchUploads([id], 9 * LEASE);
      expect(await rows("batch")).toEqual(before);
      const { dueAt, createdAt } = (await store().batch(batch.publicId, 1)) as BatchRow;
      expect(dueAt).toBeGreaterThan(createdAt + 7 * LEASE);
      await stored(store(), upload(1, { id, batch, chunks: [chunk(1)] }));
      expect(await isFree()).toBe(true);
      expect(await store().appendChunks(id, [chunk(2)], LEASE)).toBe(false);
    });

    test("an expired lease is found, of a worker and of an upload", async () => {
      const { id } = await ready(store(), 1);
      await store().claim(id, "node-1", -1);
      const other = await claimed(store(), 2);
      const lapsed = await store().beginUpload(newBatch(1), -1);
      const running = await store().beginUpload(newBatch(1), LEASE);
      expect((await store().due("processing", 9)).map((batch) => batch.id)).toEqual([id]);
      expect((await store().due("receiving", 9)).map((batch) => batch.id)).toEqual([lapsed]);
      expect([await store().voidUpload(running, true), await store().voidUpload(lapsed, true)]).toEqual([false, true]);
      expect((await store().voided(9)).map((batch) => batch.id)).toEqual([lapsed]);
      expect(await store().move(moveOf(other, "ready", { onlyDue: true }))).toBeNull();
      expect((await store().commitChunk(chunkCommit(other)))?.batch.nextChunk).toBe(1);
      expect(await store().voidUpload(running, false)).toBe(true);
      await store().voidLeases();
      expect(await store().due("processing", 9)).toHaveLength(2);
    });

    test.each(["ready", "failed", "cancelled"] as const)(
      "a batch that becomes %s keeps the position of its worker",
      async (to) => {
        const batch = await claimed(store(), 1);
        const done = await store().commitChunk(chunkCommit(batch, [2]));
        const version = done?.batch.version ?? 0;
        expect(await store().move(moveOf(batch, to, { version: batch.version }))).toBeNull();
        const moved = (await store().move(moveOf(batch, to, { version, attempt: "uncount" })))?.batch;
        const stands = {
          nextChunk: 1,
          accepted: 2,
          rejected: 1,
          faults: 2,
          attempt: 0,
          version: version + 1,
          fence: 2,
        };
        expect(moved).toMatchObject({ ...stands, state: to, owner: null });
        expect(await store().batch(batch.publicId, 1)).toEqual(moved);
        expect(await isFree()).toBe(true);
        expect(await store().extendLeases("node-1", [batch.id], LEASE)).toEqual([]);
      },
    );

    test("after a takeover and a commit at the same time, the count equals the stored records", async () => {
      for (let round = 0; round < 20; round++) {
        const batch = await claimed(store(), 1);
        const [done, moved] = await Promise.all([
          store().commitChunk(chunkCommit(batch)),
          store().move(moveOf(batch, "cancelled", { fence: batch.fence })),
        ]);
        const records = await store().records(batch.id, 0, 9, 1e6);
        const now = await store().batch(batch.publicId, 1);
        expect([moved?.batch.accepted, now?.accepted, records.length]).toEqual(Array(3).fill(done ? 3 : 0));
      }
    });

    test("a work row that foreign SQL left behind is ignored, and deleted with its batch", async () => {
      const { sequelize } = database();
      const batch = await claimed(store(), 1);
      await store().commitChunk(chunkCommit(batch));
      const [left] = (await rows("batch_work")) as Record<string, unknown>[];
      await store().move(moveOf(batch, "ready"));
      const leave = () =>
        sequelize.query(
          `INSERT INTO "batch_work" (${Object.keys(left as object).join(", ")}) VALUES (${Object.values(left as object)
            .map((value) => (typeof value === "string" && !/^\d+$/.test(value) ? `'${value}'` : String(value)))
            .join(", ")})`,
        );
      await leave();
      expect(await store().batch(batch.publicId, 1)).toMatchObject({ state: "ready", version: 4 });
      const again = (await store().claim(batch.id, "node-2", LEASE))?.batch as BatchRow;
      expect(again).toMatchObject({ owner: "node-2", fence: 3, nextChunk: 1, accepted: 3, version: 5 });
      expect(await store().commitChunk(chunkCommit({ ...again, fence: 1 }))).toBeNull();
      await store().move(moveOf(again, "ready"));
      await leave();
      await deleted(database(), batch.id);
      expect(await isFree()).toBe(true);
    });
  });
}
