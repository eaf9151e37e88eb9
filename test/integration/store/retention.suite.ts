import type { Database } from "../../../database/database.ts";
import { chunkCommit, claimed, deleted, event, isOver, LEASE, moveOf, newBatch, ready } from "./drafts.ts";

/** Reports are read in pages, data is deleted in pieces, and each event is taken once. */
export function retentionSuite(database: () => Database): void {
  describe("reports and retention", () => {
    const store = () => database().store;

    async function twoChunks() {
      const batch = await claimed(store(), 1);
      const first = await store().commitChunk(chunkCommit(batch, [0, 2]));
      await store().commitChunk(chunkCommit(first?.batch ?? batch, [1]));
      return batch;
    }

    test("errors are read by record, in pages", async () => {
      const { id } = await twoChunks();
      const page = await store().errors(id, 0, 2, 1_000_000);
      expect(page.map(({ seq }) => seq)).toEqual([1, 3]);
      expect(page[0]).toEqual({
        seq: 1,
        line: 1,
        raw: "raw 1",
        errors: [
          { field: "a", code: "type", message: "must be a number" },
          { field: "b", code: "required", message: "is missing" },
        ],
      });
      expect((await store().errors(id, 3, 2, 1_000_000)).map(({ seq }) => seq)).toEqual([5]);
      expect(await store().errors(id, 5, 2, 1_000_000)).toEqual([]);
    });

    test("a page of errors ends with the record that exceeds its bytes, and has all errors of that record", async () => {
      const batch = await claimed(store(), 1);
      const many = (errors: number, message: string) =>
        Array.from({ length: errors }, () => ({ field: "a", code: "c", message }));
      const errors = [
        { index: 0, line: 1, raw: "r".repeat(500), errors: [] },
        { index: 1, line: 2, raw: "", errors: many(3, "m".repeat(200)) },
        { index: 2, line: 3, raw: "", errors: many(100, "") },
      ];
      const counts = { accepted: 0, rejected: 3, duplicate: 0 };
      const written = await store().commitChunk({ ...chunkCommit(batch, [0, 1, 2]), errors, counts });
      expect(written).not.toBeNull();
      const page = async (after: number, bytes: number) =>
        (await store().errors(batch.id, after, 10, bytes)).map((one) => [one.seq, one.errors.length]);
      expect(await page(0, 1)).toEqual([[1, 0]]);
      expect(await page(0, 600)).toEqual([
        [1, 0],
        [2, 3],
      ]);
      expect(await page(1, 600)).toEqual([[2, 3]]);
      expect(await page(0, 6_000)).toHaveLength(3);
      await store().commitChunk(chunkCommit(written?.batch ?? batch, [0]));
      // A hundred errors count towards the page's limit even if they have no text.
      expect(await page(2, 6_000)).toEqual([[3, 100]]);
      expect(await page(2, 60_000)).toEqual([
        [3, 100],
        [4, 2],
      ]);
    });

    test("records are read in order, limited by number and by size", async () => {
      const { id } = await twoChunks();
      expect(await store().records(id, 0, 2, 1e6)).toEqual([
        { seq: 2, data: '{"n":2}' },
        { seq: 4, data: '{"n":4}' },
      ]);
      expect(await store().records(id, 2, 10, 1)).toEqual([{ seq: 4, data: '{"n":4}' }]);
      expect(await store().records(id, 6, 10, 1e6)).toEqual([]);
    });

    test("lists are newest first, by client and state, from a cursor", async () => {
      const [a, b, c] = [await ready(store(), 1), await ready(store(), 2), await claimed(store(), 1)];
      const ids = async (query: object) => (await store().list({ limit: 10, ...query })).map(({ id }) => id);
      expect(await ids({})).toEqual([c.id, b.id, a.id]);
      expect(await ids({ clientId: 1 })).toEqual([c.id, a.id]);
      expect(await ids({ clientId: 1, state: "ready" })).toEqual([a.id]);
      expect(await ids({ state: "ready" })).toEqual([b.id, a.id]);
      expect(await ids({ before: c.id, limit: 1 })).toEqual([b.id]);
    });

    test("an id is found by its exact spelling; a text that is no id finds nothing", async () => {
      const { id, publicId } = await ready(store(), 1);
      expect(await store().batch(publicId, null)).toMatchObject({ id, publicId });
      for (const other of ["no-uuid", "", publicId.toUpperCase(), `${publicId} `, `${publicId}\0`, `{${publicId}}`]) {
        expect([await store().batch(other, null), await store().batch(other, 1)]).toEqual([null, null]);
        expect(await store().changed([{ publicId: other, version: 9 }])).toEqual([]);
        expect(await database().deliveries.listDeliveries({ batch: other, limit: 9 })).toEqual([]);
        expect(await database().deliveries.replayDelivery({ publicId: other })).toBe(false);
      }
    });

    test("a query for many batches answers those with another version", async () => {
      const seen = async (publicId: string) => (await store().batch(publicId, null)) as { version: number };
      const [a, b, c] = [await ready(store(), 1), await ready(store(), 2), await claimed(store(), 1)];
      const known = [a, b, c].map(({ publicId, version }) => ({ publicId, version }));
      expect(await store().changed([])).toEqual([]);
      expect(await store().changed(known)).toEqual([]);
      await store().move(moveOf(b, "cancelled"));
      await store().commitChunk(chunkCommit(c, [0]));
      const gone = { publicId: "0193a000-0000-7000-8000-000000000000", version: 1 };
      const changed = await store().changed([...known, gone]);
      expect(changed.map(({ id }) => id).sort()).toEqual([b.id, c.id].sort());
      expect(changed).toContainEqual({ ...(await seen(b.publicId)), envelope: {} });
      expect(changed).toContainEqual({ ...(await seen(c.publicId)), envelope: {} });
    });

    test("a query for a thousand unchanged batches answers none, by one statement", async () => {
      const batch = await ready(store(), 1);
      const { publicId, version } = batch;
      const many = Array.from({ length: 1_000 }, (_, i) => ({
        publicId: `0193a000-0000-7000-8000-${String(i).padStart(12, "0")}`,
        version: 1,
      }));
      expect(await store().changed([...many, { publicId, version: version - 1 }])).toMatchObject([{ id: batch.id }]);
    });

    test("chunks are purged in pieces; the last one sets the batch's due time", async () => {
      const batch = await ready(store(), 1);
      await isOver(database(), batch.id);
      expect(await store().purgeChunks(batch.id, 1, null)).toBe("more");
      expect((await store().batch(batch.publicId, null))?.chunks).toBe(2);
      expect(await store().purgeChunks(batch.id, 1, { at: 99 })).toBe("done");
      expect(await store().batch(batch.publicId, null)).toMatchObject({ chunks: 0, dueAt: 99 });
    });

    test("a batch is deleted in pieces, and no rows of others", async () => {
      const batch = await twoChunks();
      const other = await twoChunks();
      await isOver(database(), batch.id);
      // 2 chunks, 6 errors, 3 records, 1 batch.
      let pieces = 1;
      while ((await store().deleteBatch(batch.id, 3)) === "more") pieces++;
      expect(pieces).toBe(4);
      expect(await store().batch(batch.publicId, null)).toBeNull();
      expect(await store().records(batch.id, 0, 10, 1e6)).toEqual([]);
      expect(await store().errors(other.id, 0, 10, 1_000_000)).toHaveLength(3);
      expect(await store().records(other.id, 0, 10, 1e6)).toHaveLength(3);
      expect(await store().deleteBatch(batch.id, 3)).toBe("done");
    });

    test("nothing is deleted of a batch that has not ended, or is within its retention", async () => {
      const working = await twoChunks();
      const waiting = await ready(store(), 2);
      const kept = await ready(store(), 3);
      await store().move(moveOf(kept, "failed", { due: { inMs: 60_000 } }));
      const begun = await store().beginUpload(newBatch(4), LEASE);
      const rows = async () => {
        const tables = ["batch", "batch_chunk", "record", "record_error"];
        const counts = tables.map((table) => database().sequelize.query(`SELECT COUNT(*) AS "n" FROM "${table}"`));
        return (await Promise.all(counts)).map(([[row]]) => (row as { n: unknown }).n);
      };
      const before = await rows();
      for (const id of [working.id, waiting.id, kept.id, begun]) {
        expect(await store().purgeChunks(id, 100, null)).toBe("done");
        expect(await store().deleteBatch(id, 100)).toBe("done");
      }
      expect(await rows()).toEqual(before);
      expect(await store().batch(working.publicId, null)).toMatchObject({ state: "processing", chunks: 2 });
    });

    test("an id is not used again after its batch is deleted", async () => {
      const { id } = await ready(store(), 1);
      await deleted(database(), id);
      expect((await ready(store(), 1)).id).toBeGreaterThan(id);
    });

    test("an event is taken by one caller, and again only after its retry time", async () => {
      const events = Array.from({ length: 10 }, (_, i) => event(`topic-${i}`));
      await ready(store(), 1, { events });
      expect(await store().takeOutbox(100, 60_000, 60_000)).toEqual([]);
      const taken = await Promise.all([store().takeOutbox(6, -1, 60_000), store().takeOutbox(6, -1, 60_000)]);
      // Either of the two may come first.
      const inOrder = taken.flat().sort((a, b) => a.id - b.id);
      expect(inOrder.map(({ topic }) => topic)).toEqual(events.map(({ topic }) => topic));
      expect(inOrder[0]).toEqual({ ...events[0], id: expect.any(Number), attempts: 1 });
      expect(await store().takeOutbox(100, -1, 0)).toEqual([]);
    });

    test("an event that was not deleted is taken again; a deleted one is not", async () => {
      await ready(store(), 1, { events: [event("a"), event("b")] });
      const [a] = await store().takeOutbox(100, -1, -1);
      await store().deleteOutbox([a?.id ?? 0]);
      expect(await store().takeOutbox(100, -1, -1)).toMatchObject([{ topic: "b", attempts: 2 }]);
      expect((await store().stats()).outboxDepth).toBe(1);
    });

    test("the age of the queue is that of its oldest claimable batch", async () => {
      expect((await store().stats()).oldestReadyAt).toBeNull();
      const first = await ready(store(), 1);
      await ready(store(), 2);
      expect((await store().stats()).oldestReadyAt).toBe(first.readyAt);
      await store().move(moveOf(first, "cancelled"));
      expect((await store().stats()).states).toEqual({ ready: 1, cancelled: 1 });
    });
  });
}
