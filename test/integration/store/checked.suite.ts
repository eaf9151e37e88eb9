import type { Database } from "../../../database/database.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { ChunkCommit } from "../../../services/batch/batch.writes.domain.ts";
import type { UploadCommit } from "../../../services/imports/imports.domain.ts";
import { chunkCommit, LEASE, ready, upload } from "./drafts.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** A validateOnly batch takes nothing from others. Its commit is checked like an upload, and starts the batch over. */
export function checkedSuite(database: () => Database): void {
  describe("batches that are only checked", () => {
    const store = () => database().store;
    const dedup = { keepMs: DAY_MS };
    const check = { phase: "check", isCheck: true } as const;

    /** A batch of two chunks whose check has ended, with one error in each chunk. */
    async function validated(over: Partial<UploadCommit> = {}, inMs = HOUR_MS): Promise<BatchRow> {
      const { id } = await ready(store(), 1, { ...check, ...over });
      let batch = (await store().claim(id, "node-1", LEASE))?.batch as BatchRow;
      const next = (chunk: number) => ({ phase: "check", chunk }) as const;
      batch = (await store().commitChunk(chunkCommit(batch, [1], { next: next(1) })))?.batch as BatchRow;
      const end: ChunkCommit["end"] = { state: "validated", reason: null, due: { inMs }, purge: false, events: [] };
      return (await store().commitChunk(chunkCommit(batch, [0], { next: next(2), end })))?.batch as BatchRow;
    }

    const commit = (batch: BatchRow, over: Partial<UploadCommit> = {}) =>
      store().commitUpload(
        upload(1, {
          id: batch.id,
          batch: { ...upload(1).batch, publicId: batch.publicId, policyVersion: 7 },
          chunks: [],
          checked: { version: batch.version },
          ...over,
        }),
      );

    test("a commit starts the batch over under another policy, and shows no error of the check", async () => {
      const batch = await validated();
      expect(batch).toMatchObject({ state: "validated", accepted: 4, rejected: 2, chunks: 2, committedAt: null });
      expect(await store().errors(batch.id, 0, 10, 1e6)).toHaveLength(2);
      const done = await commit(batch, { isIntoTable: true });
      expect(done).toMatchObject({
        outcome: "stored",
        batch: {
          ...{ state: "ready", phase: "deliver", policyVersion: 7, nextChunk: 0, accepted: 0, rejected: 0, faults: 0 },
          ...{ chunks: 2, finishedAt: null, created: 0, version: batch.version + 1, contentHash: batch.contentHash },
          ...{ committedAt: expect.any(Number), readyAt: expect.any(Number), requestId: "request-1" },
        },
      });
      expect(await store().errors(batch.id, 0, 10, 1e6)).toEqual([]);
      expect((await store().candidates(10)).map(({ id }) => id)).toEqual([batch.id]);
      expect((await store().staleErrors(10)).map(({ batchId }) => batchId)).toEqual([batch.id]);
      expect((await store().stats()).states).toEqual({ ready: 1 });
    });

    test("it is counted with its state", async () => {
      await validated();
      expect((await store().stats()).states).toEqual({ validated: 1 });
    });

    test("a commit that comes second, or after the body's time, writes nothing", async () => {
      const batch = await validated();
      expect((await commit(batch)).outcome).toBe("stored");
      expect((await commit(batch)).outcome).toBe("swept");
      const late = await validated({}, 0);
      expect((await commit(late)).outcome).toBe("swept");
    });

    test("a check and a commit are refused for known content; only a commit makes its content known", async () => {
      const batch = await validated({ dedup });
      const other = await ready(store(), 1, { dedup });
      expect(await store().commitUpload(upload(1, { ...check, dedup }))).toMatchObject({
        outcome: "duplicate",
        batch: { id: other.id },
      });
      expect(await commit(batch, { dedup })).toMatchObject({ outcome: "duplicate", batch: { id: other.id } });
      const elsewhere = { ...dedup, hash: "cd".repeat(32) };
      expect((await commit(batch, { dedup: elsewhere })).outcome).toBe("stored");
      expect(await store().commitUpload(upload(1, { dedup: elsewhere }))).toMatchObject({
        outcome: "duplicate",
        batch: { id: batch.id },
      });
    });

    test("a check spends bytes, its commit records", async () => {
      const quota = { bytes: 100, records: null };
      const batch = await validated({ quota, spent: { bytes: 60, records: 0 } });
      expect(await store().usage(1)).toMatchObject({ bytes: 60, records: 0 });
      const records = { quota: { bytes: null, records: 5 }, spent: { bytes: 0, records: 6 } };
      expect(await commit(batch, records)).toMatchObject({ outcome: "overQuota", usage: { bytes: 60, records: 0 } });
      expect((await commit(batch, { ...records, quota: { bytes: null, records: 6 } })).outcome).toBe("stored");
      expect(await store().usage(1)).toMatchObject({ bytes: 60, records: 6 });
    });

    test("a commit takes the next place of its lane", async () => {
      const order = { lane: "default", places: 0 };
      const [first, second] = [await validated(), await validated()];
      expect((await commit(first, { order })).outcome).toBe("stored");
      expect((await commit(second, { order })).outcome).toBe("overtaken");
      expect(await store().laneState({ clientId: 1, lane: "default" })).toMatchObject({ front: first.publicId });
    });

    test("keys are looked up, and none is reserved", async () => {
      const [a, b] = ["a".repeat(32), "b".repeat(32)];
      const { id } = await ready(store(), 1);
      const batch = (await store().claim(id, "node-1", LEASE))?.batch as BatchRow;
      expect(await store().reserveKeys(batch.id, batch.fence, 0, [a])).toEqual([]);
      expect(await store().takenKeys(1, [a, b, a])).toEqual([a]);
      expect(await store().takenKeys(2, [a, b])).toEqual([]);
      expect(await store().reserveKeys(batch.id, batch.fence, 0, [b])).toEqual([]);
    });
  });
}
