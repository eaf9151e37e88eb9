import type { Database } from "../../../database/database.ts";
import { chunkCommit, claimed, end, LEASE, moveOf, ready } from "./drafts.ts";

/** The promise: a batch belongs to the worker with its fence, and what that worker commits is stored once. */
export function workSuite(database: () => Database): void {
  describe("work", () => {
    const store = () => database().store;
    const reread = (batch: { publicId: string }) => store().batch(batch.publicId, null);

    test("claims at once never exceed the cap", async () => {
      const batches = await Promise.all(
        Array.from({ length: 8 }, () => ready(store(), 1, { queue: { cap: 3, weight: 1 } })),
      );
      const claims = await Promise.all(batches.map(({ id }) => store().claim(id, "node-1", LEASE)));
      expect(claims.filter(Boolean)).toHaveLength(3);
      expect((await store().stats()).states).toEqual({ ready: 5, processing: 3 });
      expect((await store().stats()).running).toEqual([{ owner: "node-1", batches: 3 }]);
    });

    test("a batch is claimed once, with its next chunk", async () => {
      const { id } = await ready(store(), 1);
      const both = await Promise.all([store().claim(id, "a", LEASE), store().claim(id, "b", LEASE)]);
      const [first, ...others] = both.filter((claimed) => claimed !== null);
      expect(others).toEqual([]);
      expect(first?.batch).toMatchObject({
        state: "processing",
        owner: both[0] ? "a" : "b",
        fence: 1,
        attempt: 1,
        attemptsTotal: 1,
        version: 2,
      });
      expect(first?.batch.startedAt).toEqual(expect.any(Number));
      expect(first?.chunk?.no).toBe(0);
    });

    test("a batch that is not due is no candidate and not claimed", async () => {
      const { id } = await ready(store(), 1, { due: { inMs: 60_000 } });
      expect(await store().candidates(10)).toEqual([]);
      expect(await store().claim(id, "a", LEASE)).toBeNull();
    });

    test("commits chunk by chunk to the end write records, errors, counts, events and free the slot", async () => {
      const batch = await claimed(store(), 1);
      const first = await store().commitChunk(chunkCommit(batch, [0, 2]));
      expect(first?.batch).toMatchObject({
        nextChunk: 1,
        accepted: 1,
        rejected: 2,
        attempt: 1,
        attemptsTotal: 1,
        state: "processing",
      });
      const last = await store().commitChunk(chunkCommit(first?.batch ?? batch, [], { end: end({ purge: true }) }));
      expect(last?.batch).toMatchObject({
        state: "completed",
        accepted: 4,
        chunks: 0,
        owner: null,
        finishedAt: expect.any(Number),
      });
      expect(last?.outbox).toMatchObject([{ topic: "batch.completed", attempts: 0 }]);
      expect(await store().readChunk(batch.id, 1)).toBeNull();
      expect((await store().stats()).running).toEqual([]);
      expect((await store().records(batch.id, 0, 10, 1e6)).map(({ seq }) => seq)).toEqual([2, 4, 5, 6]);
      expect((await store().errors(batch.id, 0, 10, 1_000_000)).map(({ seq }) => seq)).toEqual([1, 3]);
    });

    test.each([1, 19, 20, 21, 100])(
      "records of up to %i faults each come back in order, each with its own",
      async (most) => {
        const batch = await claimed(store(), 1);
        const fault = (n: number) => ({ field: `f[${n}]`, code: "type", message: `is wrong ${n}` });
        const rejected = [most, 0, 1, most].map((count, index) => ({
          index,
          line: index + 5,
          raw: `{"r":${index}}`,
          errors: Array.from({ length: count }, (_, n) => fault(n)),
        }));
        const counts = { accepted: 0, rejected: 4, duplicate: 0 };
        await store().commitChunk(
          chunkCommit(batch, [], { records: 4, text: Buffer.from(""), errors: rejected, counts }),
        );
        expect(await store().errors(batch.id, 0, 10, 1e6)).toEqual(
          rejected.map(({ index, ...record }) => ({ ...record, seq: index + 1 })),
        );
      },
    );

    test.each([1, 256, 257, 3_000])("%i records and their errors are read as they were written", async (size) => {
      const batch = await claimed(store(), 1);
      const texts = Array.from(
        { length: size },
        (_, n) => `{"n":${n},"text":"it's ü 漢 \u{1F600} \\"quoted\\" \\\\ \\u0000  "}`,
      );
      const raw = "a;\t'b' \u{1F600} \\ \"c\" ";
      const rejected = { index: size, line: null, raw, errors: [{ field: "", code: "type", message: raw }] };
      const commit = chunkCommit(batch, [], {
        records: size + 1,
        text: Buffer.from(texts.join("\n")),
        errors: [rejected],
        counts: { accepted: size, rejected: 1, duplicate: 0 },
      });
      expect((await store().commitChunk(commit))?.batch).toMatchObject({ accepted: size, rejected: 1 });
      const stored = await store().records(batch.id, 0, size + 1, 1e9);
      expect(stored).toEqual(texts.map((data, n) => ({ seq: n + 1, data })));
      const { line, errors } = rejected;
      expect(await store().errors(batch.id, 0, 10, 1e6)).toEqual([{ seq: size + 1, line, raw, errors }]);
    });

    test("records have the right numbers, however long the chunk is, and whichever are not stored", async () => {
      const batch = await claimed(store(), 1);
      const records = 2_000;
      const places = Array.from({ length: records }, (_, place) => place);
      const unlisted = places.filter((place) => place % 7 === 0 || (place > 300 && place < 900));
      const stored = places.filter((place) => !unlisted.includes(place));
      const data = (place: number) => `{"n":${place},"text":"${"é".repeat(place % 100)}"}`;
      const commit = chunkCommit(batch, [], { records, text: Buffer.from(stored.map(data).join("\n")), unlisted });
      await store().commitChunk(commit);
      const found = await store().records(batch.id, 0, records, 1e9);
      expect(found).toEqual(stored.map((place) => ({ seq: place + 1, data: data(place) })));
    });

    test("a validating pass stores no record", async () => {
      const batch = await claimed(store(), 1);
      const commit = chunkCommit(batch, [1], { text: Buffer.from(""), next: { phase: "validate", chunk: 1 } });
      expect((await store().commitChunk(commit))?.batch).toMatchObject({ phase: "validate", rejected: 1 });
      expect(await store().records(batch.id, 0, 10, 1e6)).toEqual([]);
      expect(await store().errors(batch.id, 0, 10, 1_000_000)).toHaveLength(1);
    });

    test("texts that do not match the chunk are an error and write nothing", async () => {
      const batch = await claimed(store(), 1);
      await expect(store().commitChunk(chunkCommit(batch, [], { records: 4 }))).rejects.toThrow("4 records");
      await expect(store().commitChunk(chunkCommit(batch, [0], { text: Buffer.from("{}") }))).rejects.toThrow(
        "3 records",
      );
      expect(await reread(batch)).toEqual(batch);
      expect(await store().records(batch.id, 0, 10, 1e6)).toEqual([]);
    });

    test("the same chunk again, a wrong chunk or an old fence writes nothing", async () => {
      const batch = await claimed(store(), 1);
      const commit = chunkCommit(batch);
      const [one, two] = await Promise.all([store().commitChunk(commit), store().commitChunk(commit)]);
      expect([one === null, two === null].sort()).toEqual([false, true]);
      expect(await store().commitChunk(chunkCommit({ ...batch, nextChunk: 2 }))).toBeNull();
      expect(await store().commitChunk(chunkCommit({ ...batch, nextChunk: 1, fence: 0 }))).toBeNull();
      expect(await store().records(batch.id, 0, 10, 1e6)).toHaveLength(3);
    });

    test("a snoozed batch can be made due sooner, if nobody has claimed it since, and keeps its turn", async () => {
      const batch = await claimed(store(), 1);
      const handedBack = moveOf(batch, "ready", { fence: batch.fence, attempt: "uncount", due: { inMs: 60_000 } });
      const waiting = (await store().move(handedBack))?.batch ?? batch;
      expect(await store().candidates(9)).toEqual([]);
      const { version, fence } = waiting;
      const sooner = await store().move(moveOf(waiting, "ready", { version, fence }));
      expect(sooner?.batch).toMatchObject({ state: "ready", fence, readyAt: batch.readyAt, attempt: 0 });
      expect(await store().candidates(9)).toMatchObject([{ id: batch.id }]);
      expect(await store().move(moveOf(waiting, "ready", { version, fence }))).toBeNull();
    });

    test("a report's length is counted once, with its chunk; records that are not listed leave no row", async () => {
      const batch = await claimed(store(), 1);
      const commit = chunkCommit(batch, [0], { text: Buffer.from('{"n":3}'), unlisted: [1] });
      const done = await store().commitChunk(commit);
      expect(done?.batch).toMatchObject({ faults: 2, unlisted: 1 });
      expect(await store().commitChunk(commit)).toBeNull();
      expect(await reread(batch)).toMatchObject({ faults: 2, unlisted: 1 });
      const next = chunkCommit(done?.batch ?? batch, [], { text: Buffer.from(""), unlisted: [0, 1, 2] });
      expect((await store().commitChunk(next))?.batch).toMatchObject({ faults: 2, unlisted: 4 });
      expect((await store().records(batch.id, 0, 10, 1e6)).map(({ seq }) => seq)).toEqual([3]);
      expect((await store().errors(batch.id, 0, 10, 1e6)).map(({ seq }) => seq)).toEqual([1]);
    });

    test("after a takeover the old worker writes nothing, the new one goes on from the checkpoint", async () => {
      const batch = await claimed(store(), 1, "old");
      await store().commitChunk(chunkCommit(batch));
      const taken = await store().move(moveOf(batch, "ready", { fence: batch.fence }));
      expect(taken?.batch).toMatchObject({ state: "ready", fence: 2, owner: null, readyAt: batch.readyAt });
      const again = await store().claim(batch.id, "new", LEASE);
      expect(again?.batch).toMatchObject({
        fence: 3,
        nextChunk: 1,
        attempt: 2,
        attemptsTotal: 2,
        startedAt: batch.startedAt,
      });
      expect(again?.chunk?.no).toBe(1);
      expect(await store().commitChunk(chunkCommit({ ...batch, nextChunk: 1 }))).toBeNull();
      expect(await store().move(moveOf(batch, "failed", { fence: batch.fence }))).toBeNull();
      expect(await store().extendLeases("old", [batch.id], LEASE)).toEqual([]);
      expect(await store().extendLeases("new", [], LEASE)).toEqual([]);
      expect(await store().extendLeases("new", [batch.id, 0], LEASE)).toEqual([{ id: batch.id, fence: 3 }]);
      expect((await store().commitChunk(chunkCommit(again?.batch ?? batch)))?.batch.nextChunk).toBe(2);
    });
  });
}
