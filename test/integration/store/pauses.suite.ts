/** The promise: no batch of a paused client is claimed, and other clients are not affected. */
import type { Database } from "../../../database/database.ts";
import { claimed, LEASE, ready } from "./drafts.ts";

export function pauseSuite(database: () => Database): void {
  describe("paused clients", () => {
    const store = () => database().store;
    const setPaused = async (clientId: number, pausedAt: number | null) => {
      const [n] = await database().models.ClientQueue.update({ pausedAt }, { where: { clientId } });
      expect(n).toBe(1);
    };
    const candidates = async () => (await store().candidates(10)).map(({ clientId }) => clientId);

    test("no batch of a paused client is a candidate or claimed, alone or in a group, until a resume", async () => {
      const mine = [await ready(store(), 1), await ready(store(), 1)];
      const other = await ready(store(), 2);
      await setPaused(1, 5);
      expect(await candidates()).toEqual([2]);
      for (const { id } of mine) expect(await store().claim(id, "node", LEASE)).toBeNull();
      const ids = [...mine, other].map(({ id }) => id);
      const group = await store().claimGroup(ids, "node", LEASE);
      expect(group.map(({ batch }) => batch.id)).toEqual([other.id]);
      await setPaused(1, null);
      expect(await candidates()).toEqual([1, 1]);
      expect(await store().claim(mine[0]?.id as number, "node", LEASE)).not.toBeNull();
    });

    test("the places of clients show what runs, their cap, and whether they are paused", async () => {
      await claimed(store(), 1);
      await ready(store(), 1);
      await ready(store(), 2, { queue: { cap: 7, weight: 1 } });
      await setPaused(2, 5);
      const before = await database().now();
      const { now, queues } = await store().queuesOf([1, 2, 99]);
      expect(queues.sort((a, b) => a.clientId - b.clientId)).toEqual([
        { clientId: 1, running: 1, cap: 2, isPaused: false },
        { clientId: 2, running: 0, cap: 7, isPaused: true },
      ]);
      expect(now).toBeGreaterThanOrEqual(before);
      expect(now).toBeLessThanOrEqual(await database().now());
    });

    test("uploads come in, and neither they nor a change of the cap end the pause", async () => {
      await ready(store(), 1);
      await setPaused(1, 5);
      await ready(store(), 1, { queue: { cap: 9, weight: 1 } });
      await store().setQueue(1, 9, 1);
      await store().repairQueues(0, 10);
      expect(await candidates()).toEqual([]);
      await setPaused(1, null);
      expect(await candidates()).toHaveLength(2);
    });

    test("a running batch of a paused client makes room, and the client overtakes nobody", async () => {
      await claimed(store(), 1);
      await ready(store(), 2);
      await claimed(store(), 3);
      expect(await store().isOvertaken(1)).toBe(true);
      await setPaused(2, 5);
      expect(await store().isOvertaken(1)).toBe(false);
      await setPaused(1, 5);
      expect(await store().isOvertaken(1)).toBe(true);
      expect(await store().isOvertaken(3)).toBe(false);
    });

    test("many paused clients in front hide no other client", async () => {
      for (let clientId = 1; clientId <= 40; clientId++) await ready(store(), clientId);
      await database().models.ClientQueue.update({ pausedAt: 5 }, { where: {} });
      await ready(store(), 41);
      expect(await candidates()).toEqual([41]);
    });

    test("a paused client's batches count neither as claimable nor as waiting for a cap", async () => {
      const queue = { cap: 1, weight: 1 };
      await store().claim((await ready(store(), 1, { queue })).id, "node", LEASE);
      await ready(store(), 1, { queue, due: { inMs: -5_000 } });
      await ready(store(), 3, { queue, due: { inMs: -5_000 } });
      const other = await ready(store(), 2, { queue });
      for (const clientId of [1, 3]) await setPaused(clientId, 5);
      expect(await store().stats()).toMatchObject({
        oldestReadyAt: other.dueAt,
        waitsForItsClient: { batches: 0, oldestAt: null },
      });
      await setPaused(2, 5);
      expect((await store().stats()).oldestReadyAt).toBeNull();
    });
  });
}
