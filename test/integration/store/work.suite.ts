import type { Database } from "../../../database/database.ts";
import type { BatchRow } from "../../../database/store.ts";
import { chunkCommit, claimed, deleted, end, event, LEASE, moveOf, ready } from "./drafts.ts";

/** A batch belongs to the worker with its fence; what it commits is there once. */
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

    test("one batch is claimed once, with its next chunk", async () => {
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

    test("chunk by chunk to the end: records, errors, counts, events, slot", async () => {
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

    test.each([1, 256, 257, 3_000])("%i records and their errors come back as they were, few or many", async (size) => {
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

    test("records have their numbers however long the chunk is, and wherever some are not stored", async () => {
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

    test("texts that do not fit the chunk are a loud error and leave nothing", async () => {
      const batch = await claimed(store(), 1);
      await expect(store().commitChunk(chunkCommit(batch, [], { records: 4 }))).rejects.toThrow("4 records");
      await expect(store().commitChunk(chunkCommit(batch, [0], { text: Buffer.from("{}") }))).rejects.toThrow(
        "3 records",
      );
      expect(await reread(batch)).toEqual(batch);
      expect(await store().records(batch.id, 0, 10, 1e6)).toEqual([]);
    });

    test("the same chunk twice, a wrong chunk, an old fence: nothing is written", async () => {
      const batch = await claimed(store(), 1);
      const commit = chunkCommit(batch);
      const [one, two] = await Promise.all([store().commitChunk(commit), store().commitChunk(commit)]);
      expect([one === null, two === null].sort()).toEqual([false, true]);
      expect(await store().commitChunk(chunkCommit({ ...batch, nextChunk: 2 }))).toBeNull();
      expect(await store().commitChunk(chunkCommit({ ...batch, nextChunk: 1, fence: 0 }))).toBeNull();
      expect(await store().records(batch.id, 0, 10, 1e6)).toHaveLength(3);
    });

    test("a batch that waits goes on sooner where it is still the one that was handed back, and keeps its place", async () => {
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

    test("a move holds to its conditions", async () => {
      const batch = await claimed(store(), 1);
      const failed = moveOf(batch, "failed", { events: [event("batch.completed")] });
      expect(await store().move({ ...failed, onlyDue: true })).toBeNull();
      expect(await store().move({ ...failed, version: batch.version + 1 })).toBeNull();
      expect(await store().move({ ...failed, from: "ready" })).toBeNull();
      expect((await store().stats()).outboxDepth).toBe(0);
      const done = await store().move({
        ...failed,
        reason: { code: "worker-lost", detail: "x" },
        version: batch.version,
      });
      expect(done?.batch).toMatchObject({ state: "failed", fence: 2, reason: { code: "worker-lost", detail: "x" } });
      expect(done?.batch.finishedAt).toEqual(expect.any(Number));
      expect(done?.outbox).toHaveLength(1);
    });

    test("attempts are kept, reset or taken back", async () => {
      const batch = await claimed(store(), 1);
      const back = await store().move(moveOf(batch, "ready", { attempt: "uncount" }));
      expect(back?.batch).toMatchObject({ attempt: 0, attemptsTotal: 0 });
      const again = (await store().claim(batch.id, "b", LEASE))?.batch ?? batch;
      const failed = (await store().move(moveOf(again, "failed")))?.batch ?? batch;
      expect(failed).toMatchObject({ attempt: 1, attemptsTotal: 1 });
      const redriven = await store().move(moveOf(failed, "ready", { attempt: "reset" }));
      expect(redriven?.batch).toMatchObject({ attempt: 0, attemptsTotal: 1, finishedAt: null, reason: null });
    });

    test("a restart begins at the first chunk with no counts and no errors", async () => {
      const batch = await claimed(store(), 1);
      await store().commitChunk(chunkCommit(batch, [0, 1], { text: Buffer.from(""), unlisted: [2] }));
      const done = await store().move(moveOf(batch, "ready", { restart: "validate" }));
      expect(done?.batch).toMatchObject({ nextChunk: 0, accepted: 0, rejected: 0, phase: "validate" });
      expect(done?.batch).toMatchObject({ faults: 0, unlisted: 0 });
      expect(await store().errors(batch.id, 0, 10, 1_000_000)).toEqual([]);
    });

    test("a batch that is begun anew shows no error of an earlier pass, and each pass has its own", async () => {
      const batch = await claimed(store(), 1);
      const seen = async () => (await store().errors(batch.id, 0, 10, 1_000_000)).map(({ seq, raw }) => [seq, raw]);
      let current = batch;
      for (const places of [[0, 2], [0], [1]]) {
        await store().commitChunk(
          chunkCommit(current, places, { text: Buffer.from(""), counts: { accepted: 0, rejected: 1, duplicate: 0 } }),
        );
        expect(await seen()).toEqual(places.map((place) => [place + 1, `raw ${place + 1}`]));
        expect(await store().errors(batch.id, 3, 10, 1_000_000)).toEqual([]);
        await store().move(moveOf(current, "ready", { restart: "validate" }));
        expect(await seen()).toEqual([]);
        current = (await store().claim(batch.id, "node-1", LEASE))?.batch ?? current;
      }
      await store().commitChunk(chunkCommit(current, [2]));
      expect(await store().staleErrors(10)).toEqual([0, 1, 2].map((pass) => ({ batchId: batch.id, pass })));
      expect(await store().staleErrors(2)).toHaveLength(2);
    });

    test("errors of earlier passes go in pieces, and nothing else with them", async () => {
      const batch = await claimed(store(), 1);
      const other = await claimed(store(), 2);
      for (const one of [batch, other])
        await store().commitChunk(chunkCommit(one, [0, 1, 2], { text: Buffer.from("") }));
      await store().move(moveOf(batch, "ready", { restart: "validate" }));
      const again = (await store().claim(batch.id, "node-1", LEASE))?.batch ?? batch;
      await store().commitChunk(chunkCommit(again, [0, 1]));
      const [stale = { batchId: 0, pass: 0 }] = await store().staleErrors(10);
      const rows = async () => {
        const [[row]] = await database().sequelize.query('SELECT COUNT(*) AS "n" FROM "record_error"');
        return Number((row as { n: unknown }).n);
      };
      // Two rows for each of 3 stale errors, 2 of today and 3 of the other batch.
      expect(await rows()).toBe(16);
      expect(await store().deleteStaleErrors(stale, 4)).toBe("more");
      expect(await rows()).toBe(12);
      expect(await store().deleteStaleErrors(stale, 4)).toBe("done");
      expect(await rows()).toBe(10);
      expect(await store().staleErrors(10)).toEqual([]);
      expect(await store().deleteStaleErrors(stale, 4)).toBe("done");
      expect(await store().errors(batch.id, 0, 10, 1_000_000)).toHaveLength(2);
      expect(await rows()).toBe(10);
    });

    test("failed attempts are kept with their reasons, the last hundred of a batch, and go with it", async () => {
      const batch = await ready(store(), 1);
      const other = await claimed(store(), 2);
      const failed = (no: number) => ({ node: `node-${no}`, code: "handler-failed", detail: `reason ${no} \0 ü` });
      for (let no = 1; no <= 102; no++) {
        const { batch: taken } = (await store().claim(batch.id, "node-1", LEASE)) as { batch: BatchRow };
        const move = moveOf(taken, "ready", { fence: taken.fence, failed: failed(no) });
        expect(await store().move(move)).not.toBeNull();
        // Too late: it is no attempt of the batch's worker any more.
        if (no === 102) expect(await store().move({ ...move, failed: failed(999) })).toBeNull();
      }
      await store().move(moveOf(other, "ready", { failed: failed(1) }));
      const kept = await store().attempts([batch.id], 1_000);
      expect(kept.map(({ no }) => no)).toEqual(Array.from({ length: 100 }, (_, i) => 102 - i));
      const last = { batchId: batch.id, no: 102, at: expect.any(Number), node: "node-102", code: "handler-failed" };
      expect(kept[0]).toEqual({ ...last, detail: "reason 102 \uFFFD ü" });
      const lasts = await store().attempts([batch.id, other.id, 999], 1);
      expect(lasts.map(({ batchId, no }) => [batchId, no])).toEqual([
        [batch.id, 102],
        [other.id, 1],
      ]);
      expect(await store().attempts([], 1)).toEqual([]);
      await deleted(database(), batch.id);
      expect(await store().attempts([batch.id, other.id], 100)).toHaveLength(1);
    });

    test("a start voids every lease of the file", async () => {
      const batch = await claimed(store(), 1);
      expect(await store().due("processing", 10)).toEqual([]);
      await store().voidLeases();
      expect((await store().due("processing", 10)).map(({ id }) => id)).toEqual([batch.id]);
    });
  });
}
