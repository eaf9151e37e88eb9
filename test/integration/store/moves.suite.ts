import type { Database } from "../../../database/database.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { chunkCommit, claimed, deleted, end, event, LEASE, moveOf, ready } from "./drafts.ts";

/** A move changes the state only under its conditions. Attempts and errors belong to their pass. */
export function moveSuite(database: () => Database): void {
  describe("moves", () => {
    const store = () => database().store;

    test("a move happens only under its conditions", async () => {
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

    test("a redrive notes what was rejected before it, unless it begins anew", async () => {
      const batch = await claimed(store(), 1);
      expect(batch.rejectedBefore).toBeNull();
      const done = await store().commitChunk(chunkCommit(batch, [0], { end: end({ state: "failed" }) }));
      const failed = done?.batch as BatchRow;
      const redriven = await store().move(moveOf(failed, "ready", { attempt: "reset" }));
      expect(redriven?.batch).toMatchObject({ rejected: 1, rejectedBefore: 1 });
      const again = (await store().claim(batch.id, "node-1", LEASE))?.batch as BatchRow;
      expect(again.rejectedBefore).toBe(1);
      const anew = { attempt: "reset", restart: "validate" } as const;
      expect((await store().move(moveOf(again, "ready", anew)))?.batch).toMatchObject({
        rejected: 0,
        rejectedBefore: null,
      });
    });

    test.each(["processing", "ready"] as const)(
      "a chunk that another database has is counted with the move (%s)",
      async (from) => {
        const first = await claimed(store(), 1);
        await store().commitChunk(chunkCommit(first, [0]));
        const batch = from === "processing" ? first : ((await store().move(moveOf(first, "ready")))?.batch ?? first);
        const counts = { accepted: 4, rejected: 2, duplicate: 1, created: 3, updated: 1, deleted: 0 };
        const done = await store().move(moveOf(batch, "cancelled", { applied: { nextChunk: 2, counts } }));
        expect(done?.batch).toMatchObject({ state: "cancelled", nextChunk: 2, accepted: 6, rejected: 3, duplicate: 1 });
        expect(done?.batch).toMatchObject({ created: 3, updated: 1, deleted: 0, unlisted: 2 });
      },
    );

    test("a redrive from the start begins at the first chunk, with no counts and no errors", async () => {
      const batch = await claimed(store(), 1);
      await store().commitChunk(chunkCommit(batch, [0, 1], { text: Buffer.from(""), unlisted: [2] }));
      const done = await store().move(moveOf(batch, "ready", { restart: "validate" }));
      expect(done?.batch).toMatchObject({ nextChunk: 0, accepted: 0, rejected: 0, phase: "validate" });
      expect(done?.batch).toMatchObject({ faults: 0, unlisted: 0 });
      expect(done?.batch.created).toBeNull();
      expect(await store().errors(batch.id, 0, 10, 1_000_000)).toEqual([]);
    });

    test("counts of rows begin at 0 again with a redrive from the start", async () => {
      const { id } = await ready(store(), 1, { isIntoTable: true });
      const batch = (await store().claim(id, "node-1", LEASE))?.batch as BatchRow;
      expect(batch).toMatchObject({ created: 0, updated: 0, deleted: 0 });
      const rows = { created: 1, updated: 1, deleted: 1 };
      await store().commitChunk(chunkCommit(batch, [], { counts: { accepted: 3, rejected: 0, duplicate: 0, rows } }));
      const done = await store().move(moveOf(batch, "ready", { restart: "validate" }));
      expect(done?.batch).toMatchObject({ created: 0, updated: 0, deleted: 0 });
    });

    test("a batch that begins anew shows no errors of an earlier pass, and each pass has its own", async () => {
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
      const of = { batchId: batch.id, publicId: batch.publicId, requestId: batch.requestId };
      expect(await store().staleErrors(10)).toEqual([0, 1, 2].map((pass) => ({ ...of, pass })));
      expect(await store().staleErrors(2)).toHaveLength(2);
    });

    test("errors of earlier passes are deleted in pieces, and nothing else", async () => {
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
      // Two rows for each of 3 stale errors, 2 of the present pass and 3 of the other batch.
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

    test("the first fifty and the last fifty failed attempts of a batch are kept with their reasons, and deleted with it", async () => {
      const batch = await ready(store(), 1);
      const other = await claimed(store(), 2);
      const failed = (no: number) => ({ node: `node-${no}`, code: "handler-failed", detail: `reason ${no} \0 ü` });
      for (let no = 1; no <= 102; no++) {
        const { batch: taken } = (await store().claim(batch.id, "node-1", LEASE)) as { batch: BatchRow };
        const move = moveOf(taken, "ready", { fence: taken.fence, failed: failed(no) });
        expect(await store().move(move)).not.toBeNull();
        // Too late: the attempt no longer belongs to the batch's worker.
        if (no === 102) expect(await store().move({ ...move, failed: failed(999) })).toBeNull();
      }
      await store().move(moveOf(other, "ready", { failed: failed(1) }));
      const kept = await store().attempts([batch.id], 1_000);
      const numbers = Array.from({ length: 102 }, (_, i) => 102 - i).filter((no) => no <= 50 || no > 52);
      expect(kept.map(({ no }) => no)).toEqual(numbers);
      const last = { batchId: batch.id, no: 102, at: expect.any(Number), node: "node-102", code: "handler-failed" };
      const where = { attempt: 102, chunk: 0, toState: "ready" };
      expect(kept[0]).toEqual({ ...last, ...where, detail: "reason 102 \uFFFD ü" });
      const lasts = await store().attempts([batch.id, other.id, 999], 1);
      expect(lasts.map(({ batchId, no }) => [batchId, no])).toEqual([
        [batch.id, 102],
        [other.id, 1],
      ]);
      expect(await store().attempts([], 1)).toEqual([]);
      await deleted(database(), batch.id);
      expect(await store().attempts([batch.id, other.id], 100)).toHaveLength(1);
    });

    test("the history keeps the first fifty and the last fifty moves, each with its move, and goes with the batch", async () => {
      const made = await ready(store(), 1);
      const { id } = made;
      const told = { from: "ready", kind: "operator", who: "alice", code: "c", detail: "d \0", was: null } as const;
      let batch = made as BatchRow;
      for (let n = 1; n <= 103; n++) {
        const move = { ...moveOf(batch, "ready"), version: batch.version, told: { ...told, reason: `r ${n}` } };
        batch = (await store().move(move))?.batch as BatchRow;
        // Too late: nothing is moved, and no event is written.
        if (n === 103) expect(await store().move(move)).toBeNull();
      }
      const kept = await store().moves(id);
      expect(kept.map(({ n }) => n)).toEqual(
        Array.from({ length: 103 }, (_, i) => i + 1).filter((n) => n < 51 || n > 53),
      );
      const { from: fromState, ...entry } = told;
      const whole = { ...entry, fromState, toState: "ready", detail: "d \uFFFD", reason: "r 103", n: 103 };
      expect(kept.at(-1)).toEqual({ ...whole, at: expect.any(Number) });
      const was = { code: "approval", detail: null, at: 7 };
      const skipped = await store().skipBatch({
        id,
        version: batch.version,
        last: null,
        told: { ...told, reason: null, was },
      });
      expect(skipped?.batch.version).toBe(batch.version + 1);
      expect((await store().moves(id)).at(-1)).toMatchObject({ n: 104, toState: "ready", reason: null, was });
      await deleted(database(), id);
      expect(await store().moves(id)).toEqual([]);
    });

    test("opening a file voids every lease in it", async () => {
      const batch = await claimed(store(), 1);
      expect(await store().due("processing", 10)).toEqual([]);
      await store().voidLeases();
      expect((await store().due("processing", 10)).map(({ id }) => id)).toEqual([batch.id]);
    });
  });
}
