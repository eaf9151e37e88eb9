import type { Database } from "../../../database/database.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { Written } from "../../../services/batch/batch.writes.domain.ts";
import { chunkCommit, end, event, LEASE, moveOf } from "./drafts.ts";
import { groupsIn, OWNER } from "./group.kit.ts";

/** Small batches are claimed and committed together, but each has its own result. */
export function groupSuite(database: () => Database): void {
  describe("groups", () => {
    const { store, reread, rows, running, small, group, last, committed, records } = groupsIn(database);

    test("a group is claimed with its chunks, each batch under its own fence, once", async () => {
      const batches = [await small(1), await small(2), await small(1)];
      const ids = batches.map(({ id }) => id);
      const both = await Promise.all([store().claimGroup(ids, OWNER, LEASE), store().claimGroup(ids, "other", LEASE)]);
      const all = both.flat();
      expect(all.map(({ batch }) => batch.id).sort((a, b) => a - b)).toEqual(ids);
      for (const { batch, chunk } of all) {
        expect(batch).toMatchObject({ state: "processing", fence: 1, attempt: 1, attemptsTotal: 1, version: 2 });
        expect(batch.dueAt).toBeGreaterThan(batch.createdAt + LEASE - 5_000);
        expect(chunk?.no).toBe(0);
        expect(await reread(batch)).toEqual({ ...batch, dueAt: expect.any(Number) });
      }
      expect(await store().claimGroup(ids, OWNER, LEASE)).toEqual([]);
    });

    test("batches that are no longer ready are not claimed", async () => {
      const [a, b, c] = [await small(1), await small(2), await small(3)];
      await store().claim(b.id, "other", LEASE);
      const claims = await store().claimGroup([a.id, b.id, c.id, 999_999], OWNER, LEASE);
      expect(claims.map(({ batch }) => batch.id).sort((x, y) => x - y)).toEqual([a.id, c.id]);
    });

    test("one commit ends all batches of a group, with records, counts, events and slots", async () => {
      const batches = await group(1, 2, 1);
      const done = (await committed(batches.map((batch) => last(batch)))) as Written[];
      expect(done.map(({ batch }) => batch.id)).toEqual(batches.map(({ id }) => id));
      for (const [i, { batch, outbox }] of done.entries()) {
        expect(batch).toMatchObject({ state: "completed", accepted: 3, owner: null, chunks: 0, version: 3 });
        expect(batch.finishedAt).toEqual(expect.any(Number));
        expect(outbox).toMatchObject([{ topic: "batch.completed", body: batch.publicId }]);
        expect(await reread(batch)).toEqual(batch);
        expect(await records(batches[i] as BatchRow)).toHaveLength(3);
        expect(await store().readChunk(batch.id, 0)).toBeNull();
      }
      const told = await rows<{ id: number; body: string }>(
        "SELECT id, body FROM outbox WHERE topic = 'batch.completed' ORDER BY id",
      );
      expect(told.map(({ id, body }) => [Number(id), body])).toEqual(
        done.map(({ batch, outbox: [row] }) => [row?.id, batch.publicId]),
      );
      expect([await running(1), await running(2)]).toEqual([0, 0]);
    });

    test("a batch with a lost fence is left out, and the others are committed", async () => {
      const [a, lost, c] = (await group(1, 2, 3)) as [BatchRow, BatchRow, BatchRow];
      await store().move(moveOf(lost, "ready"));
      const [first, second, third] = await committed([last(a), last(lost), last(c)]);
      expect(second).toBeNull();
      expect([(first as Written).batch.state, (third as Written).batch.state]).toEqual(["completed", "completed"]);
      expect((third as Written).outbox).toMatchObject([{ body: c.publicId }]);
      expect(await reread(lost)).toMatchObject({ state: "ready", fence: 2, accepted: 0 });
      expect(await records(lost)).toEqual([]);
      // A second sending writes nothing twice.
      expect(await committed([last(a), last(lost), last(c)])).toEqual([null, null, null]);
    });

    test("a batch that violates a constraint fails alone", async () => {
      const [a, wrong, c] = (await group(1, 2, 3)) as [BatchRow, BatchRow, BatchRow];
      const twice = { ...last(wrong), errors: [refused(0), refused(0)] };
      const [first, second, third] = await committed([
        last(a),
        { ...twice, records: 3, text: Buffer.from('"x"') },
        last(c),
      ]);
      expect(second).toBeInstanceOf(Error);
      expect([(first as Written).batch.state, (third as Written).batch.state]).toEqual(["completed", "completed"]);
      expect(await reread(wrong)).toMatchObject({ state: "processing", accepted: 0 });
    });

    test("a batch whose texts do not match its records fails alone", async () => {
      const [a, wrong] = (await group(1, 2)) as [BatchRow, BatchRow];
      const [first, second] = await committed([last(a), last(wrong, { text: Buffer.from('"x"') })]);
      expect((first as Written).batch.state).toBe("completed");
      expect(second).toBeInstanceOf(Error);
      expect(await records(wrong)).toEqual([]);
    });

    test("rejected records are reported, and the others have their numbers", async () => {
      const [a, b] = (await group(1, 2)) as [BatchRow, BatchRow];
      const commits = [
        chunkCommit(a, [1], { end: end({ state: "completed_with_errors" }) }),
        chunkCommit(b, [], { end: end() }),
      ];
      const done = (await committed(commits)) as Written[];
      expect(done.map(({ batch: { accepted, rejected, state } }) => ({ accepted, rejected, state }))).toEqual([
        { accepted: 2, rejected: 1, state: "completed_with_errors" },
        { accepted: 3, rejected: 0, state: "completed" },
      ]);
      expect((await records(a)).map((text) => text.split(" ")[0])).toEqual(["1", "3"]);
      expect((await store().errors(a.id, 0, 10, 1e6)).map(({ seq }) => seq)).toEqual([2]);
      expect(await store().errors(b.id, 0, 10, 1e6)).toEqual([]);
    });

    test("a group that is sent twice at the same time is written once", async () => {
      const batches = await group(1, 2, 1, 3);
      const commits = batches.map((batch) => last(batch));
      const [one, two] = await Promise.all([committed(commits), committed(commits.toReversed())]);
      const all = [...one, ...two].filter((written) => written !== null) as Written[];
      expect(all.map(({ batch }) => batch.id).sort((a, b) => a - b)).toEqual(batches.map(({ id }) => id));
      for (const batch of batches) expect(await records(batch)).toHaveLength(3);
      expect(await rows("SELECT id FROM outbox WHERE topic = 'batch.completed'")).toHaveLength(4);
      expect([await running(1), await running(2), await running(3)]).toEqual([0, 0, 0]);
    });

    test("each batch of a commit has its own result: an end, a next chunk, an error or a lost fence", async () => {
      const [a, lost, on, wrong, z] = (await group(1, 1, 1, 2, 1)) as [
        BatchRow,
        BatchRow,
        BatchRow,
        BatchRow,
        BatchRow,
      ];
      await store().move(moveOf(lost, "ready", { attempt: "uncount" }));
      const publicId = "0193e1c2-0000-7000-8000-000000000002";
      const told = { ...event("batch.completed"), delivery: { publicId } };
      const [first, second, third, fourth, fifth] = await committed([
        last(a, { end: end({ events: [event("batch.ready"), told] }) }),
        last(lost, { end: end({ events: [{ ...told, delivery: { publicId: publicId.replace("7000", "7001") } }] }) }),
        chunkCommit(on, [1]),
        chunkCommit(wrong, [0, 2], { end: end({ state: "failed", due: null, reason: { code: "x", detail: "y" } }) }),
        last(z),
      ]);
      expect(second).toBeNull();
      expect((first as Written).outbox.map(({ topic }) => topic)).toEqual(["batch.ready", "batch.completed"]);
      expect((third as Written).batch).toMatchObject({ state: "processing", accepted: 2, rejected: 1, nextChunk: 1 });
      expect((third as Written).outbox).toEqual([]);
      const ended = { state: "failed", reason: { code: "x" }, dueAt: null, accepted: 1, rejected: 2 };
      expect((fourth as Written).batch).toMatchObject(ended);
      expect((fifth as Written).outbox).toMatchObject([{ body: z.publicId }]);
      const written = [first, third, fourth, fifth] as Written[];
      for (const { batch } of written)
        expect(await reread(batch)).toEqual({ ...batch, dueAt: (await reread(batch))?.dueAt });
      const ids = await rows<{ id: number; topic: string }>("SELECT id, topic FROM outbox ORDER BY id");
      const outbox = written.flatMap((one) => one.outbox.map(({ id, topic }) => ({ id, topic })));
      expect(ids.map(({ id, topic }) => ({ id: Number(id), topic }))).toEqual(outbox);
      expect(
        (await rows<{ batch_id: number }>("SELECT batch_id FROM delivery")).map((row) => Number(row.batch_id)),
      ).toEqual([a.id]);
      // The batch that goes on has the place of those that have left.
      expect([await running(1), await running(2)]).toEqual([1, 0]);
      await store().commitChunk(last((third as Written).batch, { next: { phase: "deliver", chunk: 2 } }));
      expect(await running(1)).toBe(0);
    });

    test("deliveries of each are written with its end", async () => {
      const [a, b] = (await group(1, 2)) as [BatchRow, BatchRow];
      const publicId = "0193e1c2-0000-7000-8000-000000000001";
      const delivered = { ...event("batch.completed"), delivery: { publicId } };
      await committed([last(a), chunkCommit(b, [], { end: end({ events: [delivered] }) })]);
      const found = await rows<{ public_id: string; batch_id: number }>("SELECT public_id, batch_id FROM delivery");
      expect(found.map((row) => [row.public_id, Number(row.batch_id)])).toEqual([[publicId, b.id]]);
    });
  });
}

const refused = (index: number) => ({
  index,
  line: 1,
  raw: "x",
  errors: [{ field: "/a", code: "type", message: "wrong" }],
});
