/** The promise: a client's record is delivered once for each key, whichever batch comes first. */
import type { Database } from "../../../database/database.ts";
import { keyRange, scopeDigits } from "../../../formats/check/record-keys.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { chunkCommit, claimed, deleted, end, LEASE, moveOf } from "./drafts.ts";
import { undoColumns } from "./from-before.ts";
import { joined, key, keyed } from "./unique-keys.kit.ts";

export function uniqueKeySuite(database: () => Database): void {
  describe("unique keys", () => {
    const store = () => database().store;
    const numbers = async ({ id }: BatchRow) => (await store().records(id, 0, 1000, 1e6)).map(({ seq }) => seq);
    const counts = (batch: BatchRow | undefined) => [batch?.accepted, batch?.rejected, batch?.duplicate];

    test("a taken key leaves a gap in the numbers; records without a key are all stored", async () => {
      const batch = await claimed(store(), 1);
      const first = await store().commitChunk(keyed(batch, ["a", "", "b"]));
      expect(counts(first?.batch)).toEqual([3, 0, 0]);
      const second = await store().commitChunk(keyed(first?.batch as BatchRow, ["", "a", "c"]));
      expect(counts(second?.batch)).toEqual([5, 0, 1]);
      expect(await numbers(batch)).toEqual([1, 2, 3, 4, 6]);
    });

    test("chunks with new and taken keys store the new ones", async () => {
      await store().commitChunk(keyed(await claimed(store(), 1), ["old", "older", "oldest"]));
      let batch = await claimed(store(), 1);
      const chunks = [
        ["a", "b", "c"],
        ["d", "", "e"],
        ["f", "old", "c"],
        ["g", "h", ""],
        ["i", "older", "j"],
        ["k", "l", "m"],
      ] as [string, string, string][];
      const duplicates: (number | undefined)[] = [];
      for (const texts of chunks) {
        batch = (await store().commitChunk(keyed(batch, texts)))?.batch as BatchRow;
        duplicates.push(batch.duplicate);
      }
      expect(duplicates).toEqual([0, 0, 2, 2, 3, 3]);
      expect(counts(batch)).toEqual([15, 0, 3]);
      expect(await numbers(batch)).toEqual([1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 15, 16, 17, 18]);
    });

    test("simultaneous batches with the same keys take each key once, chunk by chunk", async () => {
      const batches = await Promise.all(["n1", "n2"].map((owner) => claimed(store(), 1, owner)));
      const work = async (first: BatchRow, at: number) => {
        let batch = first;
        for (let chunk = 0; chunk < 12; chunk++) {
          const own = (n: number) => `k${at}-${chunk}-${n}`;
          const shared = `k${(chunk * 7 + at * 5) % 12}`;
          batch = (await store().commitChunk(keyed(batch, [own(1), shared, own(2)])))?.batch as BatchRow;
        }
        return batch;
      };
      const done = await Promise.all(batches.map(work));
      expect(done.map(({ nextChunk }) => nextChunk)).toEqual([12, 12]);
      expect(done.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(2 * 24 + 12);
      expect(done.reduce((sum, { duplicate }) => sum + duplicate, 0)).toBe(12);
    });

    test("duplicates are counted at the batches that have their keys, once, until either batch goes or starts over", async () => {
      const [one, other] = [await claimed(store(), 1), await claimed(store(), 1)];
      const of = ({ id }: BatchRow) => store().duplicatesOf(id);
      const counted = async () => [await of(one), await of(other)];
      await store().commitChunk(keyed(one, ["a", "b", "c"], { end: end() }));
      await store().commitChunk(keyed(other, ["d", "a", "e"], { end: end() }));
      expect(await counted()).toEqual([1, 0]);
      const later = await claimed(store(), 1);
      const first = keyed(later, ["a", "d", "f"]);
      const after = (await store().commitChunk(first))?.batch as BatchRow;
      expect(await store().commitChunk(first)).toBeNull();
      await store().commitChunk(keyed(after, ["b", "f", "e"]));
      expect([...(await counted()), await of(later)]).toEqual([3, 2, 0]);
      const restart = moveOf((await store().batch(later.publicId, null)) as BatchRow, "ready", { restart: "deliver" });
      await store().move({ ...restart, from: "processing" });
      expect(await counted()).toEqual([1, 0]);
      const again = (await store().claim(later.id, "n", LEASE))?.batch as BatchRow;
      const keys = ["a", "c", "d", "f", "z"].map(key);
      const lost = (await store().reserveKeys(again.id, again.fence, 0, keys)) as string[];
      expect([...lost].sort()).toEqual(keys.slice(0, 3).sort());
      const unique = { duplicates: [0, 1], keys: "", freed: [key("z")], taken: lost };
      const counts = { accepted: 1, rejected: 0, duplicate: 2 };
      await store().commitChunk(chunkCommit(again, [], { text: Buffer.from(""), unique, counts, end: end() }));
      expect(await counted()).toEqual([3, 1]);
      await deleted(database(), other.id);
      expect(await counted()).toEqual([2, 0]);
      await deleted(database(), later.id);
      expect((await database().sequelize.query('SELECT * FROM "duplicate_count"'))[0]).toEqual([]);
    });

    test("a batch from before duplicates were counted goes on, and they count from then on", async () => {
      const [one, later] = [await claimed(store(), 1), await claimed(store(), 1)];
      await store().commitChunk(keyed(one, ["a", "b", "c"], { end: end() }));
      const after = (await store().commitChunk(keyed(later, ["a", "d", "e"])))?.batch as BatchRow;
      await database().sequelize.query('DROP TABLE "duplicate_count"');
      await undoColumns(database(), "0030-duplicate-counts", "duplicate_count", []);
      expect(await database().migrate()).toEqual(["0030-duplicate-counts"]);
      expect(counts((await store().commitChunk(keyed(after, ["b", "c", "f"])))?.batch)).toEqual([3, 0, 3]);
      expect(await store().duplicatesOf(one.id)).toBe(2);
    });

    test("simultaneous batches, and batches of a group, with the same keys count all their duplicates", async () => {
      const total = async () =>
        (await database().sequelize.query('SELECT "n" FROM "duplicate_count"'))[0] as { n: number }[];
      const sum = async () => (await total()).reduce((all, { n }) => all + Number(n), 0);
      const texts = (chunk: number): [string, string, string] => [`a${chunk}`, `b${chunk}`, `c${chunk}`];
      const batches = await Promise.all(["n1", "n2"].map((owner) => claimed(store(), 1, owner)));
      const work = async (first: BatchRow) => {
        let batch = first;
        for (let chunk = 0; chunk < 20; chunk++)
          batch = (await store().commitChunk(keyed(batch, texts(chunk))))?.batch as BatchRow;
        return batch;
      };
      const done = await Promise.all(batches.map(work));
      expect(done.reduce((all, { duplicate }) => all + duplicate, 0)).toBe(60);
      expect(await sum()).toBe(60);
      const group = await Promise.all([2, 2].map((clientId) => claimed(store(), clientId)));
      const written = await store().commitChunks(group.map((batch) => keyed(batch, ["a", "b", "c"])));
      expect(written.every(({ status }) => status === "fulfilled")).toBe(true);
      expect([await sum(), (await total()).length >= 2]).toEqual([63, true]);
    });

    test("reserved keys that mark corrections are counted at the first batch, but for those that are freed", async () => {
      const first = await claimed(store(), 1);
      const rejectedMarks = { 2: scopeDigits("any") };
      const refused = (await store().commitChunk(chunkCommit(first, [0, 2], { rejectedMarks })))?.batch as BatchRow;
      const third = { seq: 3, corrects: rejectedMarks[2] };
      expect(await store().refused(first.id, [3, 2, 3])).toEqual([third]);
      expect(await store().refused(first.id, [3, 0, 1, 9, 2 ** 32 + 1, 1e15])).toEqual([
        { seq: 1, corrects: null },
        third,
      ]);
      const [beside, last] = [await claimed(store(), 2), await claimed(store(), 2)];
      await store().commitChunks([chunkCommit(beside), chunkCommit(last, [2], { rejectedMarks })]);
      expect(await store().refused(last.id, [1, 2, 3])).toEqual([third]);
      const scope = `corrections of batch ${first.id}`;
      const mark = (n: number) => scopeDigits(scope) + key(`${n}`);
      const marks = { first: first.id, ...keyRange(scope) };
      const other = await claimed(store(), 1);
      const keys = [mark(1), mark(3), key("plain")];
      expect(await store().reserveKeys(other.id, other.fence, 0, keys)).toEqual([]);
      expect(await store().keptKeys(1, [mark(1)])).toEqual([]);
      const commit = chunkCommit(other, [], { unique: { duplicates: [], keys: "", freed: [mark(3)], marks } });
      expect((await store().commitChunk(commit))?.batch).toMatchObject({ accepted: 3, corrected: null });
      const now = await store().batch(first.publicId, null);
      expect(now).toMatchObject({ corrected: 1 });
      expect(now?.version).toBeGreaterThan(refused.version - 1);
      expect(await store().takenKeys(1, [mark(1), mark(3)])).toEqual([mark(1)]);
      expect(await store().keptKeys(1, [mark(1), mark(3)])).toEqual([mark(1)]);
      expect(await store().keptKeys(2, [mark(1)])).toEqual([]);
    });

    test("keys are checked beside errors and earlier duplicates", async () => {
      const one = await claimed(store(), 1);
      await store().commitChunk(keyed(one, ["a", "b", "c"]));
      const other = await claimed(store(), 1);
      const commit = chunkCommit(other, [1], {
        text: Buffer.from('{"n":3}'),
        unique: { duplicates: [0], keys: key("z"), freed: null },
        counts: { accepted: 1, rejected: 1, duplicate: 1 },
      });
      expect(counts((await store().commitChunk(commit))?.batch)).toEqual([1, 1, 1]);
      expect(await numbers(other)).toEqual([3]);
      const taken = chunkCommit({ ...other, nextChunk: 1 }, [1], {
        text: Buffer.from('{"n":6}'),
        unique: { duplicates: [0], keys: key("a"), freed: null },
        counts: { accepted: 1, rejected: 1, duplicate: 1 },
      });
      expect(counts((await store().commitChunk(taken))?.batch)).toEqual([1, 2, 3]);
      expect(await numbers(other)).toEqual([3]);
    });

    test("clients share no keys", async () => {
      const [one, other] = [await claimed(store(), 1), await claimed(store(), 2)];
      await store().commitChunk(keyed(one, ["a", "b", "c"]));
      expect(counts((await store().commitChunk(keyed(other, ["a", "b", "c"])))?.batch)).toEqual([3, 0, 0]);
    });

    test("an old fence takes no key", async () => {
      const batch = await claimed(store(), 1);
      expect(await store().commitChunk(keyed({ ...batch, fence: 0 }, ["a", "b", "c"]))).toBeNull();
      expect(await store().reserveKeys(batch.id, 0, 0, [key("a")])).toBeNull();
      expect(await store().reserveKeys(batch.id, batch.fence, 1, [key("a")])).toBeNull();
      expect(counts((await store().commitChunk(keyed(batch, ["a", "b", "c"])))?.batch)).toEqual([3, 0, 0]);
    });

    test("simultaneous batches with the same keys in another order take each key once, without a deadlock", async () => {
      const batches = await Promise.all(["n1", "n2"].map((owner) => claimed(store(), 1, owner)));
      const size = 500;
      const commits = batches.map((batch, i) => {
        const names = Array.from({ length: size }, (_, n) => `k${n}`);
        if (i % 2) names.reverse();
        return store().commitChunk(
          chunkCommit(batch, [], {
            records: size,
            text: Buffer.from(names.map((name) => `"${name}"`).join("\n")),
            unique: { duplicates: [], keys: joined(...names), freed: null },
            counts: { accepted: size, rejected: 0, duplicate: 0 },
          }),
        );
      });
      const done = (await Promise.all(commits)).map((written) => written?.batch);
      expect(done.reduce((sum, batch) => sum + (batch?.accepted ?? 0), 0)).toBe(size);
      expect(done.reduce((sum, batch) => sum + (batch?.duplicate ?? 0), 0)).toBe(size);
    });

    test.each(["failed", "cancelled"] as const)(
      "a batch that is %s frees keys that it had only reserved",
      async (state) => {
        const [one, other] = [await claimed(store(), 1), await claimed(store(), 1, "node-2")];
        await store().reserveKeys(one.id, one.fence, 0, [key("a")]);
        const kept = chunkCommit(one, [], { text: Buffer.from(""), unique: { duplicates: [], keys: "", freed: [] } });
        const after = (await store().commitChunk(kept))?.batch as BatchRow;
        await store().reserveKeys(one.id, one.fence, 1, [key("b")]);
        await store().move(moveOf(after, state));
        expect(await store().reserveKeys(other.id, other.fence, 0, [key("a"), key("b")])).toEqual([key("a")]);
      },
    );
  });
}
