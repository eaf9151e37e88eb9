import type { Database } from "../../../database/database.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { ChunkCommit, Written } from "../../../services/batch/batch.writes.domain.ts";
import { chunkCommit, end, moveOf } from "./drafts.ts";
import { groupsIn } from "./group.kit.ts";

/** Batches of groups with the same unique keys, in one commit or in two at the same time. */
export function groupKeySuite(database: () => Database): void {
  describe("unique keys of groups", () => {
    const { store, reread, rows, running, group, committed, records } = groupsIn(database);

    test("if two batches of a client have the same unique key, the first one's record is stored; clients share no keys", async () => {
      const [a, b, other] = (await group(1, 1, 2)) as [BatchRow, BatchRow, BatchRow];
      const done = (await committed([keyed(a, [3, 1, 2]), keyed(b, [2, 4, 3]), keyed(other, [1, 2, 3])])) as Written[];
      expect(done.map(({ batch: { accepted, duplicate } }) => ({ accepted, duplicate }))).toEqual([
        { accepted: 3, duplicate: 0 },
        { accepted: 1, duplicate: 2 },
        { accepted: 3, duplicate: 0 },
      ]);
      expect((await records(b)).map((text) => text.split(" ")[0])).toEqual(["2"]);
      expect(done.map(({ batch }) => batch.state)).toEqual(["processing", "processing", "processing"]);
      // The batches end in a commit of their own.
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

    const key = (n: number) => n.toString(16).padStart(64, "0");
    const keyed = (batch: BatchRow, keys: number[], over: Partial<ChunkCommit> = {}) =>
      chunkCommit(batch, [], { unique: { duplicates: [], keys: keys.map(key).join("\n"), freed: null }, ...over });
    const counted = (written: Written | null | Error) => {
      const { accepted, duplicate } = (written as Written).batch;
      return [accepted, duplicate];
    };

    test("a lost fence takes no key: the next batch with the same key has its record", async () => {
      const [a, lost, stale, c] = (await group(1, 1, 1, 1)) as [BatchRow, BatchRow, BatchRow, BatchRow];
      await store().move(moveOf(lost, "cancelled"));
      const done = await committed([
        keyed(a, [1, 2, 3]),
        keyed(lost, [3, 4, 5]),
        keyed(stale, [5, 6, 7], { chunk: 1 }),
        keyed(c, [3, 4, 5]),
      ]);
      expect(done.slice(1, 3)).toEqual([null, null]);
      expect([done[0], done[3]].map((one) => counted(one as Written))).toEqual([
        [3, 0],
        [2, 1],
      ]);
      for (const batch of [lost, stale]) expect(await records(batch)).toEqual([]);
      expect(await reread(stale)).toMatchObject({ state: "processing", accepted: 0, nextChunk: 0 });
      expect(await rows("SELECT batch_id FROM record_key")).toHaveLength(5);
    });

    test("each key that two groups have at the same time is taken once", async () => {
      for (let round = 0; round < 5; round++) {
        const [a, b, c, d] = (await group(1, 1, 1, 1)) as [BatchRow, BatchRow, BatchRow, BatchRow];
        const [one, two, three, four] = [1, 2, 3, 4].map((n) => round * 10 + n) as [number, number, number, number];
        const both = await Promise.all([
          committed([keyed(a, [one, two, three]), keyed(d, [four, three, two])]),
          committed([keyed(c, [four, two, one]), keyed(b, [three, one, four])]),
        ]);
        const counts = both.flat().map(counted);
        expect(counts.map(([accepted, duplicate]) => Number(accepted) + Number(duplicate))).toEqual([3, 3, 3, 3]);
        expect(counts.reduce((sum, [accepted]) => sum + Number(accepted), 0)).toBe(4);
        const kept = [];
        for (const batch of [a, b, c, d]) kept.push(...(await records(batch)));
        expect(kept).toHaveLength(4);
      }
    });
  });
}
