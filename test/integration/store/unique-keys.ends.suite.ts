/** How long unique keys last: reserved ones, and those of delivered records. */
import type { Database } from "../../../database/database.ts";
import { keyEnds } from "../../../database/migrations/0010-key-ends.ts";
import { scopeDigits } from "../../../formats/check/record-keys.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { chunkCommit, claimed, deleted, end, LEASE, moveOf } from "./drafts.ts";
import { undoColumns } from "./from-before.ts";
import { joined, key, keyed } from "./unique-keys.kit.ts";

export function uniqueKeyEndSuite(database: () => Database): void {
  describe("ends of unique keys", () => {
    const store = () => database().store;
    const counts = (batch: BatchRow | undefined) => [batch?.accepted, batch?.rejected, batch?.duplicate];

    test("reserved keys belong to their chunk when it is repeated, and to no other", async () => {
      const [one, other] = [await claimed(store(), 1), await claimed(store(), 1, "node-2")];
      expect(await store().reserveKeys(one.id, one.fence, 0, [key("a"), key("b")])).toEqual([]);
      expect(await store().reserveKeys(one.id, one.fence, 0, [key("b"), key("a"), key("c")])).toEqual([]);
      expect(await store().reserveKeys(other.id, other.fence, 0, [key("x"), key("a")])).toEqual([key("a")]);
      const commit = chunkCommit(one, [2], {
        text: Buffer.from(""),
        unique: { duplicates: [], keys: "", freed: [key("b")] },
      });
      await store().commitChunk(commit);
      expect(await store().reserveKeys(other.id, other.fence, 0, [key("a"), key("b")])).toEqual([key("a")]);
      // Even the next chunk of the same batch counts as another chunk.
      expect((await store().reserveKeys(one.id, one.fence, 1, [key("a"), key("c")]))?.sort()).toEqual([
        key("c"),
        key("a"),
      ]);
    });

    test("a batch that is tried again keeps its reservations", async () => {
      const [one, other] = [await claimed(store(), 1), await claimed(store(), 1, "node-2")];
      await store().reserveKeys(one.id, one.fence, 0, [key("a")]);
      await store().move(moveOf(one, "ready"));
      expect(await store().reserveKeys(other.id, other.fence, 0, [key("a")])).toEqual([key("a")]);
      const again = (await store().claim(one.id, "node-3", LEASE))?.batch as BatchRow;
      expect(await store().reserveKeys(again.id, again.fence, 0, [key("a")])).toEqual([]);
    });

    test("expired keys are deleted in pieces and may come again; keys without an end stay", async () => {
      const batch = await claimed(store(), 1);
      const commit = (at: BatchRow, texts: [string, string, string], keepMs: number | null) =>
        store().commitChunk({
          ...keyed(at, texts),
          unique: { duplicates: [], keys: joined(...texts), freed: null, keepMs },
        });
      const first = await commit(batch, ["a", "b", "c"], -1);
      const second = await commit(first?.batch as BatchRow, ["d", "e", "f"], 60_000);
      const third = await commit(second?.batch as BatchRow, ["g", "h", "i"], null);
      expect(await store().forgetExpiredKeys(2)).toBe(false);
      expect(await store().forgetExpiredKeys(2)).toBe(true);
      const other = await claimed(store(), 1, "node-2");
      const again = await commit(other, ["a", "d", "g"], null);
      expect([counts(third?.batch), counts(again?.batch)]).toEqual([
        [9, 0, 0],
        [1, 0, 2],
      ]);
    });

    test("keys of a deleted dataset are deleted in pieces, and no others", async () => {
      const of = (scope: string, letter: string) => scopeDigits(scope) + key(letter);
      const keys = [key("a"), of("orders:1", "a"), of("orders:1", "b"), of("orders:3", "a")];
      let batch = await claimed(store(), 1);
      for (const texts of [keys.slice(0, 3), [keys[3], "", ""]]) {
        const unique = { duplicates: [], keys: texts.join("\n"), freed: null };
        batch = (await store().commitChunk(chunkCommit(batch, [], { unique })))?.batch as BatchRow;
      }
      const { EndedScope } = database().models;
      await EndedScope.create({ clientId: 1, scope: "orders:1" });
      await EndedScope.create({ clientId: 2, scope: "orders:3" });
      for (let pieces = 1; !(await store().forgetScopes(1)); pieces++) expect(pieces).toBeLessThan(9);
      expect(await EndedScope.count()).toBe(0);
      const other = await claimed(store(), 1, "node-2");
      expect(await store().reserveKeys(other.id, other.fence, 0, keys)).toEqual([key("a"), of("orders:3", "a")]);
    });

    test("keys from before they could end last for ever", async () => {
      const batch = await claimed(store(), 1);
      const first = await store().commitChunk(keyed(batch, ["a", "b", "c"]));
      const { sequelize } = database();
      for (const index of ["record_key_ends_at_ix", "client_usage_day_ix"])
        await sequelize.query(`DROP INDEX "${index}"`);
      await undoColumns(database(), keyEnds.name, "record_key", ["ends_at"]);
      expect(await database().migrate()).toEqual([keyEnds.name]);
      await store().forgetExpiredKeys(9);
      const second = await store().commitChunk(keyed(first?.batch as BatchRow, ["a", "b", "d"]));
      expect(counts(second?.batch)).toEqual([4, 0, 2]);
    });

    test("the time of a reserved key starts at its delivery", async () => {
      const [one, other] = [await claimed(store(), 1), await claimed(store(), 1, "node-2")];
      await store().reserveKeys(one.id, one.fence, 0, [key("a"), key("b")]);
      expect(await store().forgetExpiredKeys(9)).toBe(true);
      expect(await store().reserveKeys(other.id, other.fence, 0, [key("a")])).toEqual([key("a")]);
      const unique = { duplicates: [], keys: "", freed: [key("b")], keepMs: -1 };
      await store().commitChunk(chunkCommit(one, [2], { text: Buffer.from(""), unique }));
      await store().forgetExpiredKeys(9);
      expect(await store().reserveKeys(other.id, other.fence, 0, [key("a"), key("b")])).toEqual([]);
    });

    test("keys outlive their batch", async () => {
      const one = await claimed(store(), 1);
      await store().commitChunk(keyed(one, ["a", "b", "c"], { end: end() }));
      await deleted(database(), one.id);
      const other = await claimed(store(), 1);
      expect(counts((await store().commitChunk(keyed(other, ["a", "b", "d"])))?.batch)).toEqual([1, 0, 2]);
    });
  });
}
