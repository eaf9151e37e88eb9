import type { Database } from "../../../database/database.ts";
import { type FaultGroup, FaultGroups, MAX_GROUPS, SHOWN_GROUPS } from "../../../formats/check/fault-groups.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import type { ChunkCommit } from "../../../services/batch/batch.writes.domain.ts";
import { chunkCommit, claimed, end, LEASE, moveOf, ready } from "./drafts.ts";

const rejectsAll = { text: Buffer.from(""), counts: { accepted: 0, rejected: 3, duplicate: 0 } };

/** The commit of a chunk counts its faults by field and code, exactly, whatever the report lists. */
export function errorGroupSuite(database: () => Database): void {
  describe("groups of errors", () => {
    const store = () => database().store;
    const group = (field: string, over: Partial<FaultGroup> = {}): FaultGroup => ({
      field,
      code: "type",
      count: 1,
      firstRecord: 0,
      firstLine: 7,
      message: `${field} must be a number`,
      values: [],
      ...over,
    });
    const faulty = (batch: BatchRow, groups: FaultGroup[], over: Partial<ChunkCommit> = {}) =>
      chunkCommit(batch, [0, 1, 2], {
        ...rejectsAll,
        errors: [],
        unlisted: [0, 1, 2],
        grouped: { groups, other: 0 },
        ...over,
      });
    const commit = async (of: ChunkCommit) => (await store().commitChunk(of))?.batch as BatchRow;
    const rows = async () => {
      const [[row]] = await database().sequelize.query('SELECT COUNT(*) AS "n" FROM "error_group"');
      return Number((row as { n: unknown }).n);
    };

    test("a batch without errors has none", async () => {
      const batch = await claimed(store(), 1);
      await commit(chunkCommit(batch));
      expect(await store().errorSummary(batch.id)).toEqual({ total: 0, records: 0, groups: [], other: { count: 0 } });
    });

    test("counts add up chunk by chunk, the largest first; the first record, its line and its sentence stay", async () => {
      const batch = await claimed(store(), 1);
      const next = await commit(
        faulty(batch, [
          group("a", { values: ["1", "\0 \ud800\n"] }),
          group("b\0", { firstRecord: 1, code: "required" }),
        ]),
      );
      const first = { firstRecord: 1, firstLine: 7, message: "a must be a number" };
      expect(await store().errorSummary(batch.id)).toEqual({
        total: 3,
        records: 3,
        groups: [
          { field: "a", code: "type", count: 1, ...first, values: ["1", "\uFFFD \uFFFD\n"] },
          {
            ...first,
            field: "b\uFFFD",
            code: "required",
            count: 1,
            firstRecord: 2,
            message: "b\uFFFD must be a number",
            values: [],
          },
        ],
        other: { count: 1 },
      });
      const later = { message: "later", values: ["1", "2", "3", "4", "5"] };
      await commit(
        faulty(next, [group("b\0", { code: "required", count: 5, ...later }), group("a", later)], { end: end() }),
      );
      expect(await store().errorSummary(batch.id)).toMatchObject({
        total: 8,
        records: 6,
        groups: [
          { field: "b\uFFFD", count: 6, firstRecord: 2, values: ["1", "2", "3", "4", "5"] },
          { field: "a", count: 2, ...first, values: ["1", "\uFFFD \uFFFD\n", "2", "3", "4"] },
        ],
        other: { count: 0 },
      });
    });

    test("known groups, new groups and new examples add up as in a single count, also after a change of worker", async () => {
      const all = new FaultGroups();
      let batch = await claimed(store(), 1);
      const chunk = (no: number) => [
        group("a", { count: no + 1, values: [`${no}`, "same"] }),
        group("b", { code: "required", count: 2 }),
        ...(no % 2 === 0 ? [group("c", { values: Array.from({ length: no % 6 }, (_, i) => `${no} ${i}`) })] : []),
        ...(no > 2 ? [group(`new ${no}`, { values: ["x".repeat(100)] })] : []),
      ];
      for (let no = 0; no < 9; no++) {
        const groups = chunk(no);
        const firstRecord = batch.nextChunk * 3 + 1;
        all.merge({ groups: groups.map((one) => ({ ...one, firstRecord })), other: 0 });
        batch = await commit(faulty(batch, groups));
        if (no !== 5) continue;
        await store().move(moveOf(batch, "ready"));
        batch = (await store().claim(batch.id, "node-2", LEASE))?.batch ?? batch;
      }
      const { other: _, ...summary } = all.summary();
      expect(await store().errorSummary(batch.id)).toMatchObject(summary);
    });

    test("a commit that comes too late counts nothing", async () => {
      const batch = await claimed(store(), 1);
      await commit(faulty(batch, [group("a", { count: 3 })]));
      expect(await store().commitChunk(faulty(batch, [group("a", { count: 3 })]))).toBeNull();
      expect(await store().errorSummary(batch.id)).toMatchObject({ total: 3 });
    });

    test("each commit of a unit counts for its own batch", async () => {
      const batches = [await claimed(store(), 1), await claimed(store(), 2), await claimed(store(), 3)];
      const [one, two, three] = batches as [BatchRow, BatchRow, BatchRow];
      await store().commitChunks([
        faulty(one, [group("a", { count: 3 })], { end: end() }),
        chunkCommit(two),
        faulty(three, [group("a", { count: 4 }), group("c")], {
          grouped: { groups: [group("a", { count: 4 }), group("c")], other: 2 },
        }),
      ]);
      const all = await Promise.all(batches.map(({ id }) => store().errorSummary(id)));
      expect(all).toMatchObject([
        { total: 3, groups: [{ field: "a", count: 3 }], other: { count: 0 } },
        { total: 0, groups: [] },
        { total: 7, groups: [{ field: "a", count: 4 }, { field: "c" }], other: { count: 2 } },
      ]);
    });

    test("the first groups are kept, and the faults of all further groups are counted together, exactly", async () => {
      const batch = await claimed(store(), 1);
      const groups = (from: number, many: number) => Array.from({ length: many }, (_, i) => group(`f${from + i}`));
      const next = await commit(faulty(batch, groups(0, MAX_GROUPS - 2)));
      // One known group, one new group for which there is room, and two for which there is none.
      const more = { groups: [...groups(0, 1), ...groups(1000, 3)], other: 10 };
      const last = await commit(faulty(next, [], { grouped: more }));
      expect(await rows()).toBe(MAX_GROUPS);
      const found = await store().errorSummary(batch.id);
      const total = MAX_GROUPS + 12;
      expect(found).toMatchObject({ total, groups: { length: SHOWN_GROUPS } });
      expect(found.groups[0]).toMatchObject({ field: "f0", count: 2 });
      expect(found.other.count).toBe(total - SHOWN_GROUPS - 1);
      // No new group begins after that, because its earlier faults may be counted among the others.
      const then = await commit(faulty(last, groups(2000, 1)));
      await commit(faulty(then, [], { grouped: { groups: [...groups(1001, 1), ...groups(0, 2)], other: 1 } }));
      expect(await rows()).toBe(MAX_GROUPS);
      const end = await store().errorSummary(batch.id);
      expect(end).toMatchObject({ total: total + 5, other: { count: total + 5 - SHOWN_GROUPS - 3 } });
      expect(end.groups).toMatchObject({ 0: { field: "f0", count: 3 }, 1: { field: "f1", count: 2 } });
    });

    test("a batch that starts over has none of its earlier groups, which are deleted with their errors", async () => {
      const batch = await claimed(store(), 1);
      await commit(faulty(batch, [group("a")]));
      await store().move(moveOf(batch, "ready", { restart: "validate" }));
      expect(await store().errorSummary(batch.id)).toMatchObject({ total: 0, records: 0, groups: [] });
      const again = (await store().claim(batch.id, "node-1", LEASE))?.batch ?? batch;
      await commit(faulty(again, [group("b", { count: 3 })]));
      const seen = { total: 3, groups: [{ field: "b", count: 3 }] };
      expect(await store().errorSummary(batch.id)).toMatchObject(seen);
      expect(await rows()).toBe(2);
      for (const stale of await store().staleErrors(10)) await store().deleteStaleErrors(stale, 100);
      expect(await rows()).toBe(1);
      expect(await store().errorSummary(batch.id)).toMatchObject(seen);
    });

    test("groups are deleted with their batch", async () => {
      const [batch, other] = [await claimed(store(), 1), await claimed(store(), 2)];
      await commit(faulty(other, [group("a")]));
      const next = await commit(faulty(batch, [group("a")]));
      await commit(faulty(next, [group("a")], { end: end({ due: { inMs: 0 } }) }));
      expect(await store().deleteBatch(batch.id, 100)).toBe("done");
      expect(await rows()).toBe(1);
    });

    test("faults from before the table existed are counted as others", async () => {
      const batch = await claimed(store(), 1);
      const { grouped: _, ...before } = faulty(batch, []);
      await commit({ ...before, unlisted: [2], errors: chunkCommit(batch, [0, 1]).errors });
      expect(await store().errorSummary(batch.id)).toEqual({ total: 5, records: 3, groups: [], other: { count: 5 } });
    });

    test("a batch that does not exist has no groups", async () => {
      await ready(store(), 1);
      expect(await store().errorSummary(999)).toEqual({ total: 0, records: 0, groups: [], other: { count: 0 } });
    });
  });
}
