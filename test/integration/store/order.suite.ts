import type { Database } from "../../../database/database.ts";
import type { BatchRow, OrderHold } from "../../../services/batch/batch.domain.ts";
import type { Move } from "../../../services/batch/batch.writes.domain.ts";
import type { UploadCommit } from "../../../services/imports/imports.domain.ts";
import { chunk, chunkCommit, deleted, end, LEASE, moveOf, newBatch, ready, stored, upload } from "./drafts.ts";

const LANE = { clientId: 1, lane: "orders:1" };
const behind: OrderHold = { hold: "order", batchId: newBatch(1).publicId };

/** The batches of a lane are in the order of their commits. One of them is the first until it has ended or is skipped. */
export function orderSuite(database: () => Database): void {
  describe("order", () => {
    const store = () => database().store;
    const inOrder = (places: number | null, over: Partial<UploadCommit> = {}): UploadCommit =>
      upload(1, { order: { lane: LANE.lane, places }, ...over });
    const held = (over: Partial<UploadCommit> = {}) =>
      stored(store(), inOrder(null, { state: "held", due: null, reason: behind, ...over })).then(({ batch }) => batch);
    const first = async () => (await store().laneState(LANE)).front;
    const moved = async (batch: BatchRow, to: Move["to"], over: Partial<Move> = {}) => {
      const done = await store().move(moveOf(batch, to, { version: batch.version, ...over }));
      if (!done) throw new Error("nothing was moved");
      return done.batch;
    };
    const numbered = (rows: { place: number; id: number }[]) =>
      rows.map(({ place, id }) => [Number(place), Number(id)]);
    const places = async () =>
      numbered(
        (
          await database().sequelize.query(
            `SELECT "place" AS "place", "batch_id" AS "id" FROM "order_place" WHERE "client_id" = 1 ORDER BY "place"`,
          )
        )[0] as { place: number; id: number }[],
      );

    test("a lane without a batch has no front, and one of another client or name is none of it", async () => {
      expect(await store().laneState(LANE)).toEqual({ ...LANE, places: 0, front: null });
      await stored(store(), upload(2, { order: { lane: LANE.lane, places: 0 } }));
      await stored(store(), upload(1, { order: { lane: "orders:2", places: 0 } }));
      expect(await store().laneState(LANE)).toEqual({ ...LANE, places: 0, front: null });
      const { batch } = await stored(store(), inOrder(0));
      expect(await store().laneState(LANE)).toEqual({ ...LANE, places: 1, front: batch.publicId });
    });

    test("a batch is not committed as the first if another one has entered since, and spends nothing", async () => {
      const key = { key: "k", keepMs: 60_000, fingerprint: "0a".repeat(32) };
      const quota = { bytes: 1_000, records: null };
      const all = { key, quota, dedup: { keepMs: 60_000 } };
      const { batch } = await stored(store(), inOrder(0));
      expect(await store().commitUpload(inOrder(0, all))).toEqual({ outcome: "overtaken" });
      expect(await store().usage(1)).toMatchObject({ bytes: 0 });
      expect(await store().keyHolder(1, "k")).toBeNull();
      expect(await store().laneState(LANE)).toMatchObject({ places: 1, front: batch.publicId });
      const { batch: second } = await stored(store(), inOrder(null, all));
      expect(await places()).toEqual([
        [1, batch.id],
        [2, second.id],
      ]);
      expect(await store().usage(1)).toMatchObject({ bytes: 60 });
    });

    test("an upload with a row of its own takes its place at its commit", async () => {
      const early = newBatch(1);
      const id = await store().beginUpload(early, LEASE);
      const { batch } = await stored(store(), inOrder(0));
      expect(await store().commitUpload(inOrder(0, { id, batch: early, chunks: [] }))).toEqual({
        outcome: "overtaken",
      });
      const late = await stored(
        store(),
        inOrder(1, { id, batch: early, chunks: [], quota: { bytes: 99, records: null } }),
      );
      expect(late.batch.state).toBe("ready");
      expect(await places()).toEqual([
        [1, batch.id],
        [2, id],
      ]);
    });

    test("one of many simultaneous uploads is the first, and each has a place of its own", async () => {
      const done = await Promise.all(Array.from({ length: 8 }, () => store().commitUpload(inOrder(0))));
      expect(done.map(({ outcome }) => outcome).sort()).toEqual([...Array(7).fill("overtaken"), "stored"]);
      const more = await Promise.all(Array.from({ length: 8 }, () => held()));
      expect((await places()).map(([place]) => place)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(new Set((await places()).map(([, id]) => id)).size).toBe(1 + more.length);
    });

    test("an ended batch is no longer the first, but a failed one is", async () => {
      const { batch } = await stored(
        store(),
        inOrder(0, { chunks: [chunk(0)], totals: { ...upload(1).totals, chunks: 1 } }),
      );
      const [next, last] = [await held(), await held()];
      const running = (await store().claim(batch.id, "node-1", LEASE))?.batch ?? batch;
      expect(await first()).toBe(batch.publicId);
      const failed = await moved(running, "failed");
      expect(await first()).toBe(batch.publicId);
      expect(await store().fronts([next.id, last.id, 0])).toEqual(
        expect.arrayContaining([next.id, last.id].map((id) => ({ id, lane: LANE.lane, front: batch.publicId }))),
      );
      const again = await moved(failed, "ready");
      const taken = (await store().claim(again.id, "node-1", LEASE))?.batch ?? again;
      await store().commitChunk(chunkCommit(taken, [], { end: end() }));
      expect(await first()).toBe(next.publicId);
      await moved(next, "cancelled");
      expect(await first()).toBe(last.publicId);
    });

    test("a lane whose first batch waits only for its order, or has ended, is found until a caller has moved it on", async () => {
      const { batch } = await stored(store(), inOrder(0));
      const next = await held();
      const of = ({ id, publicId, requestId }: BatchRow) => ({ batchId: id, publicId, requestId });
      expect(await store().stalledLanes(9)).toEqual([]);
      await moved(batch, "cancelled");
      expect(await store().stalledLanes(9)).toEqual([{ ...LANE, ...of(batch), isOver: true }]);
      await store().leaveLane(batch.id);
      expect(await store().stalledLanes(9)).toEqual([{ ...LANE, ...of(next), isOver: false }]);
      await moved(next, "ready");
      expect(await store().stalledLanes(9)).toEqual([]);
      await deleted(database(), next.id);
      expect(await store().stalledLanes(9)).toEqual([
        { ...LANE, batchId: next.id, publicId: null, requestId: null, isOver: true },
      ]);
      expect(await first()).toBeNull();
    });

    test("a first batch that waits for approval does not count as stalled", async () => {
      await held({ reason: { hold: "approval", until: null } });
      expect(await store().stalledLanes(9)).toEqual([]);
    });

    test("a skipped batch gives its place up once, and takes the last one when it goes on", async () => {
      const { batch } = await stored(store(), inOrder(0));
      const next = await held();
      const failed = await moved(batch, "failed", { from: "ready" });
      expect(await store().skipBatch({ id: failed.id, version: failed.version - 1, last: null })).toBeNull();
      const skipped = await store().skipBatch({ id: failed.id, version: failed.version, last: null });
      expect(skipped?.batch).toEqual({ ...failed, version: failed.version + 1 });
      expect(await store().fronts([failed.id])).toEqual([]);
      expect(await first()).toBe(next.publicId);
      const again = await moved(skipped?.batch ?? failed, "held", { due: null, reason: behind, enters: LANE });
      expect(again.state).toBe("held");
      expect(await places()).toEqual([
        [2, next.id],
        [3, failed.id],
      ]);
      await expect(moved(failed, "held", { enters: LANE })).rejects.toThrow("nothing was moved");
      expect((await places()).length).toBe(2);
    });

    test("a batch may exchange its place for the last one", async () => {
      const [one, two] = [await held(), await held()];
      const done = await store().skipBatch({ id: one.id, version: one.version, last: LANE });
      expect(done?.batch).toEqual({ ...one, version: one.version + 1 });
      expect(await places()).toEqual([
        [2, two.id],
        [3, one.id],
      ]);
      expect(await store().skipBatch({ id: one.id, version: one.version, last: LANE })).toBeNull();
      expect((await places()).map(([, id]) => id)).toEqual([two.id, one.id]);
    });

    test("batches without an order have no place", async () => {
      const batch = await ready(store(), 1);
      expect(await store().fronts([batch.id])).toEqual([]);
      expect(await places()).toEqual([]);
    });
  });
}
