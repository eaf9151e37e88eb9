import type { Database } from "../../../database/database.ts";
import { batchCount } from "../../../database/migrations/0008-batch-count.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { chunkCommit, claimed, deleted, end, LEASE, moveOf, newBatch, ready } from "./drafts.ts";

/** More batches than the queue's figures read in the order of waiting. */
const BACKLOG = 1_001;

/** What a dashboard shows of the queue, whatever is in the database. */
export function figuresSuite(database: () => Database): void {
  describe("figures", () => {
    const store = () => database().store;
    const select = async <T>(text: string) => (await database().sequelize.query(text))[0] as T[];
    const states = async () => (await store().stats()).states;

    /** Counts the states by reading every row. */
    async function rowsByState() {
      const rows = await select<{ state: string; n: number }>(
        'SELECT state, COUNT(*) AS "n" FROM batch GROUP BY state',
      );
      return Object.fromEntries(rows.map(({ state, n }) => [state, Number(n)]));
    }

    /** Makes one batch in each state, and some that have left their state. */
    async function inEachState(): Promise<void> {
      for (const state of ["ready", "received", "held", "rejected"] as const) {
        await ready(store(), 1, { state });
        await ready(store(), 1, { state });
      }
      await store().beginUpload(newBatch(2), LEASE);
      await store().voidUpload((await store().beginUpload(newBatch(2), LEASE)) as number, false);
      await claimed(store(), 3);
      const batch = await claimed(store(), 4);
      await store().commitChunk(chunkCommit(batch));
      await store().commitChunk(chunkCommit({ ...batch, nextChunk: 1 }, [], { end: end() }));
      await store().move(moveOf(await claimed(store(), 5), "failed"));
      const failed = (await store().move(moveOf(await claimed(store(), 6), "failed"))) as { batch: BatchRow };
      await store().move(moveOf(failed.batch, "ready", { attempt: "reset" }));
      await store().move(moveOf(await ready(store(), 7), "cancelled"));
      const held = await ready(store(), 8, { state: "held", due: null });
      await store().move(moveOf(held, "rejected"));
    }

    test("a batch is counted in its new state, and no longer in the old one", async () => {
      expect([await states(), await store().stateCounts()]).toEqual([{}, {}]);
      await inEachState();
      expect(await states()).toEqual(await rowsByState());
      expect(await store().stateCounts()).toEqual(await rowsByState());
      await store().foldCounts();
      expect(await store().stateCounts()).toEqual(await rowsByState());
      expect(await states()).toMatchObject({ ready: 3, held: 2, rejected: 3, completed: 1, failed: 1, cancelled: 1 });
    });

    test("batches that come at once are all counted, and those that are deleted no longer", async () => {
      const batches = await Promise.all(Array.from({ length: 40 }, (_, n) => ready(store(), n + 1)));
      expect(await states()).toEqual({ ready: 40 });
      await Promise.all(batches.slice(0, 30).map((batch) => store().move(moveOf(batch, "cancelled"))));
      for (const { id } of batches.slice(0, 20)) await deleted(database(), id);
      expect(await states()).toEqual({ ready: 10, cancelled: 10 });
    });

    test("added-up counts are the same, in few rows", async () => {
      const batches = await Promise.all(Array.from({ length: 200 }, (_, n) => ready(store(), n + 1)));
      for (const batch of batches.slice(0, 150)) await store().move(moveOf(batch, "cancelled"));
      for (const batch of batches.slice(150)) await store().move(moveOf(batch, "held"));
      await Promise.all([store().foldCounts(), store().foldCounts(), ready(store(), 1)]);
      expect(await states()).toEqual({ ready: 1, held: 50, cancelled: 150 });
      const [row] = await select<{ n: number }>('SELECT COUNT(*) AS "n" FROM batch_count');
      expect(Number(row?.n)).toBeLessThan(20);
    });

    test("a database from before there were counters is counted once", async () => {
      await inEachState();
      await withoutCounts(database());
      expect(await database().migrate()).toEqual([batchCount.name]);
      expect(await states()).toEqual(await rowsByState());
      await ready(store(), 1);
      expect(await states()).toEqual(await rowsByState());
    });

    const none = { batches: 0, oldestAt: null };

    test("the oldest claimable batch is one whose client may have one more", async () => {
      const queue = { cap: 1, weight: 1 };
      await store().claim((await ready(store(), 1, { queue })).id, "node-1", LEASE);
      expect(await store().stats()).toMatchObject({ oldestReadyAt: null, waitsForItsClient: none });
      const waiting = await ready(store(), 1, { queue, due: { inMs: -5_000 } });
      await ready(store(), 1, { queue });
      expect(await store().stats()).toMatchObject({
        oldestReadyAt: null,
        waitsForItsClient: { batches: 2, oldestAt: waiting.dueAt },
      });
      const other = await ready(store(), 2, { queue });
      expect(await store().stats()).toMatchObject({
        oldestReadyAt: other.dueAt,
        oldestReady: { batchId: other.publicId, clientId: 2 },
      });
      await store().setQueue(1, 2, 1);
      expect(await store().stats()).toMatchObject({ oldestReadyAt: waiting.dueAt, waitsForItsClient: none });
    });

    test("a batch that waits for its next attempt is not claimable yet; afterwards it waits since then", async () => {
      await ready(store(), 1, { due: { inMs: 60_000 } });
      expect((await store().stats()).oldestReadyAt).toBeNull();
      const batch = await claimed(store(), 2);
      const back = await store().move(moveOf(batch, "ready", { due: { inMs: -1 } }));
      expect((await store().stats()).oldestReadyAt).toBe(back?.batch.dueAt);
    });

    test("the oldest held batch is the one that is held for longest, counted from its hold", async () => {
      const heldAt = async () => (await store().stats()).oldestHeldAt;
      expect(await heldAt()).toBeNull();
      const early = await claimed(store(), 1);
      const uploaded = await ready(store(), 1, { state: "held", due: null });
      const late = await ready(store(), 2, { state: "held", due: null });
      await select(`UPDATE batch SET created_at = created_at - 9000 WHERE id = ${early.id}`);
      await select(`UPDATE batch SET created_at = created_at + 9000 WHERE id = ${late.id}`);
      expect(await heldAt()).toBe(uploaded.createdAt);
      const told = { kind: "worker", who: null, code: null, detail: null, reason: null, was: null } as const;
      const held = await store().move(moveOf(early, "held", { due: null, told: { ...told, from: "processing" } }));
      const [since] = await store().moves(early.id);
      await store().move(moveOf(uploaded, "rejected"));
      expect(await heldAt()).toBe(since?.at);
      // The batch is still held, but for another reason.
      await select(`UPDATE batch_move SET at = at - 100 WHERE batch_id = ${early.id}`);
      await store().move(moveOf(held?.batch as BatchRow, "held", { due: null, told: { ...told, from: "held" } }));
      expect(await heldAt()).toBe((since?.at ?? 0) - 100);
      await store().move(moveOf({ ...early, state: "held" }, "rejected"));
      await select(`UPDATE batch SET committed_at = created_at - 50 WHERE id = ${late.id}`);
      expect(await heldAt()).toBe(late.createdAt + 9000 - 50);
    });

    test("a client at its cap hides no other client, however much of it waits", async () => {
      const queue = { cap: 1, weight: 1 };
      await store().claim((await ready(store(), 2, { queue })).id, "node-1", LEASE);
      for (let n = 0; n < BACKLOG; n += 77)
        await Promise.all(
          Array.from({ length: Math.min(77, BACKLOG - n) }, () => ready(store(), 2, { queue, due: { at: 1 } })),
        );
      expect(await store().stats()).toMatchObject({
        oldestReadyAt: null,
        waitsForItsClient: { batches: BACKLOG, oldestAt: 1 },
      });
      const before = await ready(store(), 1, { queue });
      expect(await store().stats()).toMatchObject({
        oldestReadyAt: before.dueAt,
        oldestReady: { batchId: before.publicId, clientId: 1 },
      });
      const after = await ready(store(), 3, { queue, due: { at: 2 } });
      expect((await store().stats()).oldestReadyAt).toBe(after.dueAt);
    });
  });
}

/** Removes the counters, as before the migration. */
async function withoutCounts({ sequelize, isEmbedded }: Database): Promise<void> {
  for (const name of ["insert", "update", "delete"])
    await sequelize.query(
      isEmbedded ? `DROP TRIGGER "batch_count_${name}"` : `DROP FUNCTION "batch_count_${name}"() CASCADE`,
    );
  await sequelize.query('DROP TABLE "batch_count"');
  await sequelize.query(`DELETE FROM "schema_migration" WHERE "name" = '${batchCount.name}'`);
}
