import { QueryTypes } from "sequelize";
import type { Database } from "../../../database/database.ts";
import type { BatchRow, ChunkCommit, Written } from "../../../database/store.ts";
import { chunk, chunkCommit, end, event, LEASE, moveOf, ready } from "./drafts.ts";

const OWNER = "node-1:x";

/** Small batches are claimed and committed together, each for itself. */
export function groupSuite(database: () => Database): void {
  describe("groups", () => {
    const store = () => database().store;
    const reread = (batch: { publicId: string }) => store().batch(batch.publicId, null);
    const rows = <T>(text: string) => database().sequelize.query(text, { type: QueryTypes.SELECT }) as Promise<T[]>;
    const running = async (clientId: number) =>
      (await rows<{ running: number }>(`SELECT running FROM client_queue WHERE client_id = ${clientId}`))[0]?.running;

    const totals = { bytes: 60, records: 3, chunks: 1, contentHash: "ab".repeat(32), envelope: {} };
    const small = (clientId: number, cap = 9) =>
      ready(store(), clientId, { chunks: [chunk(0)], totals, queue: { cap, weight: 1 } });
    async function group(...clientIds: number[]): Promise<BatchRow[]> {
      const batches = [];
      for (const clientId of clientIds) batches.push(await small(clientId));
      return claim(batches);
    }
    async function claim(batches: BatchRow[]): Promise<BatchRow[]> {
      const claims = await store().claimGroup(
        batches.map(({ id }) => id),
        OWNER,
        LEASE,
      );
      return claims.map(({ batch }) => batch).sort((a, b) => a.id - b.id);
    }
    const last = (batch: BatchRow, over: Partial<ChunkCommit> = {}) => {
      const ended = event("batch.completed");
      return chunkCommit(batch, [], {
        end: end({ purge: true, events: [{ ...ended, body: batch.publicId }] }),
        ...over,
      });
    };
    async function committed(commits: ChunkCommit[]): Promise<(Written | null | Error)[]> {
      const settled = await store().commitChunks(commits);
      return settled.map((one) => (one.status === "fulfilled" ? one.value : one.reason));
    }
    const records = async ({ id }: BatchRow) =>
      (await store().records(id, 0, 100, 1e6)).map(({ seq, data }) => `${seq} ${data}`);

    test("are claimed with their chunks, each under its own fence, once", async () => {
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

    test("of those that are not ready any more none is claimed", async () => {
      const [a, b, c] = [await small(1), await small(2), await small(3)];
      await store().claim(b.id, "other", LEASE);
      const claims = await store().claimGroup([a.id, b.id, c.id, 999_999], OWNER, LEASE);
      expect(claims.map(({ batch }) => batch.id).sort((x, y) => x - y)).toEqual([a.id, c.id]);
    });

    test("one commit ends all: records, counts, events and places of each", async () => {
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
        // Where a group is committed batch by batch at once, they come in any order.
        done
          .map(({ batch, outbox: [row] }): [number, string] => [row?.id ?? 0, batch.publicId])
          .sort(([a], [b]) => a - b),
      );
      expect([await running(1), await running(2)]).toEqual([0, 0]);
    });

    test("a lost fence is left out, and changes nothing for the others", async () => {
      const [a, lost, c] = (await group(1, 2, 3)) as [BatchRow, BatchRow, BatchRow];
      await store().move(moveOf(lost, "ready"));
      const [first, second, third] = await committed([last(a), last(lost), last(c)]);
      expect(second).toBeNull();
      expect([(first as Written).batch.state, (third as Written).batch.state]).toEqual(["completed", "completed"]);
      expect((third as Written).outbox).toMatchObject([{ body: c.publicId }]);
      expect(await reread(lost)).toMatchObject({ state: "ready", fence: 2, accepted: 0 });
      expect(await records(lost)).toEqual([]);
      // Sent once more nothing is written twice.
      expect(await committed([last(a), last(lost), last(c)])).toEqual([null, null, null]);
    });

    test("one that breaks a rule fails alone", async () => {
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

    test("one whose texts are not as many as its records fails alone", async () => {
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

    test("of a key that two batches of a client have the first one's record counts; other clients' keys are their own", async () => {
      const [a, b, other] = (await group(1, 1, 2)) as [BatchRow, BatchRow, BatchRow];
      const key = (n: number) => n.toString(16).padStart(64, "0");
      const keyed = (batch: BatchRow, keys: number[]) =>
        chunkCommit(batch, [], { unique: { duplicates: [], keys: keys.map(key).join("\n"), freed: null } });
      const done = (await committed([keyed(a, [3, 1, 2]), keyed(b, [2, 4, 3]), keyed(other, [1, 2, 3])])) as Written[];
      expect(done.map(({ batch: { accepted, duplicate } }) => ({ accepted, duplicate }))).toEqual([
        { accepted: 3, duplicate: 0 },
        { accepted: 1, duplicate: 2 },
        { accepted: 3, duplicate: 0 },
      ]);
      expect((await records(b)).map((text) => text.split(" ")[0])).toEqual(["2"]);
      expect(done.map(({ batch }) => batch.state)).toEqual(["processing", "processing", "processing"]);
      // The ends follow in a commit of their own.
      const ends = done.map(({ batch }) =>
        chunkCommit(batch, [], {
          text: Buffer.from(""),
          records: 0,
          counts: { accepted: 0, rejected: 0, duplicate: 0 },
          end: end(),
        }),
      );
      const ended = (await committed(ends)) as Written[];
      expect(ended.map(({ batch: { state, accepted } }) => [state, accepted])).toEqual([
        ["completed", 3],
        ["completed", 1],
        ["completed", 3],
      ]);
      expect([await running(1), await running(2)]).toEqual([0, 0]);
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

/** Of one client a group takes one place, and counts by its records. Not where each is claimed by itself. */
export function groupPlaceSuite(database: () => Database): void {
  describe("places of groups", () => {
    const store = () => database().store;
    const totals = (records: number) => ({
      bytes: 60,
      records,
      chunks: 1,
      contentHash: "ab".repeat(32),
      envelope: {},
    });
    const small = (clientId: number, cap: number, records = 3, weight = 1) =>
      ready(store(), clientId, { chunks: [chunk(0)], totals: totals(records), queue: { cap, weight } });
    const queue = async (clientId: number) => {
      const text = `SELECT running, pass FROM client_queue WHERE client_id = ${clientId}`;
      const [row] = await database().sequelize.query(text, { type: QueryTypes.SELECT });
      return row as { running: number; pass: number };
    };
    const claim = async (batches: BatchRow[]) =>
      (
        await store().claimGroup(
          batches.map(({ id }) => id),
          OWNER,
          LEASE,
        )
      ).map(({ batch }) => batch);

    test("a group has one place, and another one of the client's has its own", async () => {
      const batches = [await small(1, 2), await small(1, 2), await small(1, 2)];
      const other = await small(1, 2);
      expect(await claim(batches)).toHaveLength(3);
      expect((await queue(1)).running).toBe(1);
      // Its other place is free, and no third one.
      expect(await store().claim(other.id, OWNER, LEASE)).not.toBeNull();
      const more = await small(1, 2);
      expect(await claim([more])).toEqual([]);
      expect(await store().claim(more.id, OWNER, LEASE)).toBeNull();
    });

    const last = (batch: BatchRow) => chunkCommit(batch, [], { end: end() });
    /** All ways in which a batch leaves its group. */
    const leaves: Record<string, (batch: BatchRow) => Promise<unknown>> = {
      "is committed alone": (batch) => store().commitChunk(last(batch)),
      "is committed with others": async (batch) => {
        const other = await alone(2);
        await store().commitChunks([last(batch), last(other)]);
      },
      "is cancelled": (batch) => store().move(moveOf(batch, "cancelled")),
      "is tried again": (batch) => store().move(moveOf(batch, "ready", { due: { inMs: 1e6 } })),
      fails: (batch) => store().move(moveOf(batch, "failed")),
    };
    async function alone(clientId: number): Promise<BatchRow> {
      const claimed = await store().claim((await small(clientId, 9)).id, OWNER, LEASE);
      return (claimed as { batch: BatchRow }).batch;
    }

    test.each(Object.entries(leaves))(
      "the place stays with the rest of the group where one %s",
      async (_way, leave) => {
        const [a, b, c] = (await claim([await small(1, 1), await small(1, 1), await small(1, 1)])) as BatchRow[];
        const waiting = await small(1, 1);
        for (const batch of [a, c, b] as BatchRow[]) {
          expect((await queue(1)).running).toBe(1);
          expect(await store().claim(waiting.id, OWNER, LEASE)).toBeNull();
          await leave(batch);
        }
        expect((await queue(1)).running).toBe(0);
        expect(await store().claim(waiting.id, OWNER, LEASE)).not.toBeNull();
      },
    );

    test("the place goes to one of its own group, not of the client's other one", async () => {
      const pairs = [];
      for (let i = 0; i < 2; i++) pairs.push(await claim([await small(1, 2), await small(1, 2)]));
      const [[a, b], [c, d]] = pairs as [[BatchRow, BatchRow], [BatchRow, BatchRow]];
      await store().commitChunks([last(a), last(b)]);
      expect((await queue(1)).running).toBe(1);
      await store().commitChunks([last(c)]);
      expect((await queue(1)).running).toBe(1);
      await store().commitChunks([last(d)]);
      expect((await queue(1)).running).toBe(0);
    });

    test("one that a worker had before is left to be claimed alone, and keeps no place of its former group's", async () => {
      const [a, b] = (await claim([await small(1, 9), await small(1, 9)])) as [BatchRow, BatchRow];
      await store().move(moveOf(a, "ready"));
      const batches = await claim([a, await small(1, 9)]);
      for (const batch of [...batches, b]) await store().commitChunk(last(batch));
      expect((await queue(1)).running).toBe(0);
      expect(batches.map(({ id }) => id)).not.toContain(a.id);
    });

    test("it goes to one that moves on in the same commit", async () => {
      const [a, b] = (await claim([await small(1, 1), await small(1, 1)])) as [BatchRow, BatchRow];
      const [, goesOn] = await store().commitChunks([last(a), chunkCommit(b)]);
      expect((await queue(1)).running).toBe(1);
      const { batch } = (goesOn as PromiseFulfilledResult<{ batch: BatchRow }>).value;
      await store().commitChunk(last(batch));
      expect((await queue(1)).running).toBe(0);
    });

    test("the place is handed on exactly, however many leave at the same time", async () => {
      for (let round = 0; round < 5; round++) {
        const batches = [];
        for (let i = 0; i < 6; i++) batches.push(await small(1, 1));
        const group = await claim(batches);
        const kept = group.pop() as BatchRow;
        const ways = Object.values(leaves);
        await Promise.all(group.map((batch, i) => (ways[i] as (typeof ways)[number])(batch)));
        expect((await queue(1)).running).toBe(1);
        await store().commitChunk(last(kept));
        expect((await queue(1)).running).toBe(0);
      }
    });

    test("a group counts for its clients by their records and their weights", async () => {
      const batches = [await small(1, 1, 400), await small(1, 1, 600), await small(2, 1, 500, 5)];
      await claim(batches);
      expect([Number((await queue(1)).pass), Number((await queue(2)).pass)]).toEqual([1_000, 100]);
    });

    test("of a client with one place as many are candidates as may be worked together", async () => {
      const batches = [await small(1, 1), await small(1, 1), await small(1, 1)];
      expect((await store().candidates(4)).map(({ id }) => id)).toEqual([batches[0]?.id]);
      const all = await store().candidates(4, 2);
      expect(all.map(({ id }) => id)).toEqual(batches.slice(0, 2).map(({ id }) => id));
      expect(all[0]).toMatchObject({ clientId: 1, room: 1, chunks: 1, records: 3, bytes: 60, phase: "deliver" });
    });
  });
}
