import type { Database } from "../../../database/database.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { claimed, LEASE, moveOf, newBatch, ready } from "./drafts.ts";

/** Clients get slots by their weights, whatever the length of their queues. */
export function fairnessSuite(database: () => Database): void {
  describe("fairness", () => {
    const store = () => database().store;
    const many = (clientId: number, n: number, weight = 1) =>
      Promise.all(Array.from({ length: n }, () => ready(store(), clientId, { queue: { cap: 100, weight } })));
    /** Claims the first candidate, as a worker does, and returns its client. */
    async function claimNext(): Promise<number> {
      const [first] = await store().candidates(10);
      if (!first || !(await store().claim(first.id, "node", LEASE))) throw new Error("nothing to claim");
      return first.clientId;
    }
    async function claimNextOf(times: number): Promise<Record<number, number>> {
      const counts: Record<number, number> = {};
      for (let i = 0; i < times; i++) {
        const clientId = await claimNext();
        counts[clientId] = (counts[clientId] ?? 0) + 1;
      }
      return counts;
    }

    test("a candidate is a client's oldest due batch", async () => {
      const later = await ready(store(), 1, { due: { inMs: 60_000 } });
      const [first] = [await ready(store(), 1), await ready(store(), 1)];
      const other = await ready(store(), 2);
      expect(later.id).toBeLessThan(first.id);
      await store().setQueue(1, 1, 1);
      expect((await store().candidates(10)).map(({ id }) => id)).toEqual([first.id, other.id]);
      const { id, publicId } = first;
      const size = { policyVersion: 1, phase: "deliver", chunks: 2, records: 6, bytes: 60 };
      expect(await store().candidates(1)).toEqual([{ id, publicId, clientId: 1, fence: 0, ...size, room: 1 }]);
    });

    test("a client at its cap is no candidate until its cap rises", async () => {
      await claimed(store(), 1);
      await store().setQueue(1, 1, 1);
      await ready(store(), 1);
      expect(await store().candidates(10)).toEqual([]);
      await store().setQueue(1, 2, 1);
      expect(await store().candidates(10)).toHaveLength(1);
    });

    test("an upload that began under an older policy does not change cap and weight back", async () => {
      const older = { cap: 1, weight: 1 };
      const row = async () =>
        (await database().sequelize.query('SELECT "cap", "weight" FROM "client_queue" WHERE "client_id" = 1'))[0];
      const [first, second] = [
        await store().beginUpload(newBatch(1), LEASE),
        await store().beginUpload(newBatch(1), LEASE),
      ];
      await store().setQueue(1, 9, 7);
      await ready(store(), 1, { id: first, queue: older });
      await ready(store(), 1, { id: second, queue: older, due: { inMs: 60_000 } });
      await Promise.all([1, 2].map(() => ready(store(), 1, { queue: older })));
      expect(await row()).toEqual([{ cap: 9, weight: 7 }]);
    });

    test("many candidates come in the order in which single claims would take them", async () => {
      await many(1, 12, 900);
      await many(2, 12, 600);
      await many(3, 12);
      await claimNextOf(7);
      await many(4, 3);
      await store().setQueue(3, 3, 1);
      const seen = (await store().candidates(20)).map(({ id }) => id);
      const claims: number[] = [];
      for (let i = 0; i < seen.length; i++) {
        const [next] = await store().candidates(1);
        claims.push(next?.id as number);
        await store().claim(next?.id as number, "node", LEASE);
      }
      expect(seen).toHaveLength(20);
      expect(seen).toEqual(claims);
    });

    test("a client has no more candidates than free slots", async () => {
      await many(1, 5);
      await store().setQueue(1, 3, 1);
      await claimNext();
      expect(await store().candidates(10)).toHaveLength(2);
      await ready(store(), 1, { due: { inMs: 60_000 } });
      await store().setQueue(1, 100, 1);
      expect(await store().candidates(10)).toHaveLength(4);
    });

    test("equal weights take turns", async () => {
      await many(1, 12);
      await many(2, 6);
      expect(await claimNextOf(8)).toEqual({ 1: 4, 2: 4 });
    });

    test("slots follow the weights, also if 1000/weight is no whole number", async () => {
      await many(1, 20, 900);
      await many(2, 20, 600);
      expect(await claimNextOf(15)).toEqual({ 1: 9, 2: 6 });
    });

    test("a client back from idleness gets its share, not every slot", async () => {
      await many(1, 30);
      await claimNextOf(10);
      await many(2, 20);
      const { 1: old = 0, 2: back = 0 } = await claimNextOf(10);
      expect(Math.abs(old - back)).toBeLessThanOrEqual(2);
    });

    test("a client held at its cap gets no credit for it", async () => {
      await many(1, 30);
      await many(2, 30);
      await store().setQueue(1, 2, 1);
      await claimNextOf(20);
      await store().setQueue(1, 100, 1);
      const { 1: held = 0, 2: other = 0 } = await claimNextOf(10);
      expect(Math.abs(held - other)).toBeLessThanOrEqual(2);
    });

    test("overtaken: another client with a smaller running/weight waits", async () => {
      await many(1, 3, 1);
      await claimNextOf(2);
      expect(await store().isOvertaken(1)).toBe(false);
      await ready(store(), 2, { due: { inMs: 60_000 } });
      expect(await store().isOvertaken(1)).toBe(false);
      const { id } = await ready(store(), 2);
      expect(await store().isOvertaken(1)).toBe(true);
      await store().setQueue(1, 100, 1000);
      await store().claim(id, "node", LEASE);
      await ready(store(), 2);
      expect(await store().isOvertaken(1)).toBe(false);
      expect(await store().isOvertaken(2)).toBe(true);
    });

    test("clients without batches hide no other client, however many they are", async () => {
      for (let clientId = 1; clientId <= 40; clientId++) {
        const { id } = await ready(store(), clientId);
        await store().claim(id, "node", LEASE);
      }
      const late = await ready(store(), 41);
      expect((await store().candidates(1)).map(({ id }) => id)).toEqual([late.id]);
      const again = await ready(store(), 7);
      expect((await store().candidates(9)).map(({ id }) => id).sort()).toEqual([late.id, again.id].sort());
    });

    test("a batch that is approved, redriven or due earlier becomes a candidate", async () => {
      const held = await ready(store(), 1, { state: "held", due: null });
      const failed = (await store().move(moveOf(await claimed(store(), 2), "failed")))?.batch as BatchRow;
      const snoozed = await ready(store(), 3, { due: { inMs: 60_000 } });
      expect(await store().candidates(9)).toEqual([]);
      for (const batch of [held, failed, snoozed]) await store().move(moveOf(batch, "ready"));
      expect((await store().candidates(9)).map(({ id }) => id)).toEqual([held.id, snoozed.id, failed.id]);
    });

    test("a batch that becomes due is a candidate, also if an earlier look found none", async () => {
      const later = await ready(store(), 1, { due: { inMs: 300 } });
      for (let clientId = 2; clientId <= 40; clientId++)
        await store().claim((await ready(store(), clientId)).id, "node", LEASE);
      let seen = await store().candidates(1);
      while (seen.length === 0) seen = await store().candidates(1);
      expect(seen.map(({ id }) => id)).toEqual([later.id]);
    });

    test("a batch that foreign SQL made ready is found after a repair", async () => {
      const batches = [await ready(store(), 1), await ready(store(), 2), await ready(store(), 3)];
      await database().sequelize.query('UPDATE "client_queue" SET "due_at" = NULL');
      expect(await store().candidates(9)).toEqual([]);
      expect(await store().repairQueues(0, 2)).toBe(2);
      expect((await store().candidates(9)).map(({ clientId }) => clientId)).toEqual([1, 2]);
      expect(await store().repairQueues(2, 2)).toBeNull();
      expect((await store().candidates(9)).map(({ id }) => id)).toEqual(batches.map(({ id }) => id));
    });

    test("a freed slot can be used again", async () => {
      const batch = await claimed(store(), 1);
      await store().setQueue(1, 1, 1);
      const other = await ready(store(), 1);
      expect(await store().claim(other.id, "node", LEASE)).toBeNull();
      await store().move(moveOf(batch, "cancelled"));
      expect(await store().claim(other.id, "node", LEASE)).not.toBeNull();
    });
  });
}
