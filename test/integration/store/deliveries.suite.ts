/** Deliveries to webhooks: stored with the batch, taken by one sender, with all attempts kept. */
import { randomUUID } from "node:crypto";
import type { Database } from "../../../database/database.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { TakenDelivery } from "../../../services/webhook/webhook.domain.ts";
import { deliveryKit } from "./deliveries.kit.ts";
import { chunkCommit, claimed, deleted, end, event, moveOf, ready } from "./drafts.ts";

export function deliverySuite(database: () => Database): void {
  describe("deliveries", () => {
    const { store, deliveries, told, take, list, record, later, one } = deliveryKit(database);

    test("an upload, a move and the last chunk write deliveries, only for the events that the webhook wants", async () => {
      const uploaded = await ready(store(), 1, { events: [told("batch.created"), event("batch.ready")] });
      const run = await claimed(store(), 2);
      await store().commitChunk(chunkCommit(run, [], { end: end({ events: [told("batch.completed")] }) }));
      const moved = await ready(store(), 3);
      await store().move(moveOf(moved, "cancelled", { events: [told("batch.completed")] }));
      const rows = await list();
      expect(
        rows.map(({ event, batchId, clientId, state, attempts }) => [event, batchId, clientId, state, attempts]),
      ).toEqual([
        ["batch.completed", moved.publicId, 3, "pending", []],
        ["batch.completed", run.publicId, 2, "pending", []],
        ["batch.created", uploaded.publicId, 1, "pending", []],
      ]);
      expect((await store().stats()).oldestDeliveryAt).toBe(rows[2]?.dueAt);
      expect((await store().stats()).deliveriesDue).toBe(3);
    });

    test("a busy client's long queue does not hide deliveries of other clients", async () => {
      const batches: BatchRow[] = [];
      for (const clientId of [1, 2, 3, 4])
        batches.push(await ready(store(), clientId, { events: [told("batch.created")] }));
      // All deliveries that are read in the order of time belong to client 2.
      const { sequelize } = database();
      const columns = "batch_id, client_id, event, body, state, due_at, attempts, created_at";
      for (let from = 0; from < 1_200; from += 300) {
        const rows = Array.from(
          { length: 300 },
          (_, n) => `('${randomUUID()}', ${batches[1]?.id}, 2, 'e${from + n}', '{}', 'pending', 1, 0, 1)`,
        );
        await sequelize.query(`INSERT INTO delivery (public_id, ${columns}) VALUES ${rows.join(", ")}`);
      }
      const clients = async (over: object) => (await take(over)).map(({ clientId }) => clientId).sort();
      expect(await clients({ busy: [2], limit: 2 })).toHaveLength(2);
      expect(await clients({ busy: [2] })).toHaveLength(1);
      expect(await clients({ busy: [2] })).toEqual([]);
      expect(await clients({ limit: 3 })).toEqual([2]);
      expect(await clients({ busy: [1, 3, 4] })).toEqual([2]);
    });

    test("a refused write adds no delivery", async () => {
      const batch = await claimed(store(), 1);
      const late = chunkCommit(batch, [], { fence: 77, end: end({ events: [told("batch.completed")] }) });
      expect(await store().commitChunk(late)).toBeNull();
      expect(await store().move(moveOf(batch, "ready", { fence: 77, events: [told("batch.ready")] }))).toBeNull();
      expect(await list()).toEqual([]);
    });

    test("the first batch.ready delivery stays; a later end replaces the earlier one, and is sent anew", async () => {
      const first = told("batch.ready");
      const batch = await ready(store(), 1, { events: [first] });
      await store().move(moveOf(batch, "cancelled", { events: [told("batch.ready"), told("batch.completed")] }));
      expect(await list()).toHaveLength(2);
      expect((await list())[1]).toMatchObject({ publicId: first.delivery.publicId });
      for (const taken of [...(await take()), ...(await take())]) await record(taken);
      const again = { ...told("batch.completed"), body: '{"second":true}' };
      const cancelled = await store().batch(batch.publicId, null);
      await store().move(moveOf(cancelled ?? batch, "ready", { events: [again, told("batch.ready")] }));
      expect((await list()).map(({ event, state }) => [event, state])).toEqual([
        ["batch.completed", "pending"],
        ["batch.ready", "delivered"],
      ]);
      expect(await take()).toMatchObject([{ body: again.body, tries: 1 }]);
    });

    test("a delivery is taken by one sender, one per client at a time, the longest due first", async () => {
      for (const client of [1, 1, 2, 3]) await ready(store(), client, { events: [told("batch.created")] });
      const both = await Promise.all([take({ limit: 2 }), take({ limit: 2 })]);
      for (const taken of both) expect(new Set(taken.map(({ clientId }) => clientId)).size).toBe(taken.length);
      const taken = [...both.flat(), ...(await take({ busy: [1] })), ...(await take()), ...(await take())];
      expect(taken.map(({ clientId }) => clientId).sort()).toEqual([1, 1, 2, 3]);
      expect(new Set(taken.map(({ id }) => id)).size).toBe(4);
      expect(await take()).toEqual([]);
      expect((await store().stats()).oldestDeliveryAt).toBeNull();
    });

    test("many senders at once send nothing twice", async () => {
      await Promise.all(
        Array.from({ length: 24 }, (_, i) => ready(store(), i % 8, { events: [told("batch.created")] })),
      );
      const taken: TakenDelivery[] = [];
      const sender = async () => {
        for (let i = 0; i < 8; i++) taken.push(...(await take({ limit: 3 })));
      };
      await Promise.all([sender(), sender(), sender(), sender()]);
      expect(taken).toHaveLength(24);
      expect(new Set(taken.map(({ id }) => id)).size).toBe(24);
    });

    test("a delivery of a silent sender is taken again; the late sender only adds its attempt", async () => {
      await ready(store(), 1, { events: [told("batch.created")] });
      const [late] = await take({ leaseMs: -1 });
      const [second] = await take();
      expect(second).toMatchObject({ id: late?.id, tries: 2 });
      await record(late as TakenDelivery, later(0));
      expect(await list()).toMatchObject([{ state: "pending", attempts: [{ status: 500 }] }]);
      expect(await take()).toEqual([]);
      await record(second as TakenDelivery);
      expect(await list()).toMatchObject([
        {
          state: "delivered",
          dueAt: null,
          attempts: [
            { status: 500, error: "no", ms: 5 },
            { status: 200, error: null },
          ],
        },
      ]);
    });

    test("a failed attempt waits; one that was handed back does not count", async () => {
      const taken = await one();
      await record(taken, later(60_000));
      expect(await take()).toEqual([]);
      await deliveries().replayDelivery({ publicId: taken.publicId });
      const [second] = await take();
      expect(second?.tries).toBe(1);
      await record(second as TakenDelivery, later(0, false));
      expect(await take()).toMatchObject([{ tries: 1 }]);
      expect((await list())[0]?.attempts).toHaveLength(2);
    });

    test("a replay sends again what was delivered or failed, and keeps the list of attempts", async () => {
      const taken = await one();
      await record(taken);
      expect(await deliveries().replayDelivery({ publicId: taken.publicId })).toBe(true);
      const [again] = await take();
      expect(again).toMatchObject({ id: taken.id, body: taken.body, tries: 1 });
      await record(again as TakenDelivery, { next: { state: "failed" }, status: 410, error: "gone" });
      expect(await list({ state: "failed" })).toMatchObject([{ attempts: [{ status: 200 }, { status: 410 }] }]);
      expect(await deliveries().replayDelivery({ publicId: randomUUID() })).toBe(false);
      expect(await deliveries().replayDelivery({ publicId: "no\0id" })).toBe(false);
    });

    test("all waiting deliveries of a client end with a reason; delivered ones stay", async () => {
      await record(await one(1));
      for (const client of [1, 1, 2]) await ready(store(), client, { events: [told("batch.created")] });
      const [running] = await take({ busy: [2] });
      expect(await deliveries().failDeliveries(1, "off")).toBe(2);
      await record(running as TakenDelivery);
      const rows = await list();
      expect(rows.map(({ clientId, state }) => [clientId, state])).toEqual([
        [2, "pending"],
        [1, "failed"],
        [1, "failed"],
        [1, "delivered"],
      ]);
      expect(rows[1]?.attempts).toMatchObject([{ status: null, error: "off", ms: 0 }]);
    });

    test("deliveries are deleted with their batch, and no others", async () => {
      const taken = await one();
      await record(taken, later(0));
      const [mine] = await list();
      await ready(store(), 2, { events: [told("batch.created")] });
      const batch = await store().batch(mine?.batchId ?? "", null);
      await deleted(database(), batch?.id ?? 0);
      expect((await take()).map(({ clientId }) => clientId)).toEqual([2]);
      await record(taken);
      expect(await list()).toHaveLength(1);
    });

    test("after a start, deliveries that were being sent are due at once, waiting ones are not", async () => {
      const waiting = await one(1);
      await record(waiting, later(60_000));
      const running = await one(2);
      await deliveries().voidClaims();
      expect((await take()).map(({ id }) => id)).toEqual([running.id]);
    });
  });
}
