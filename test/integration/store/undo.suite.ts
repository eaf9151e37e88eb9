import { createHash } from "node:crypto";
import type { Database } from "../../../database/database.ts";
import { keyRange, scopeDigits } from "../../../formats/check/record-keys.ts";
import type { BatchRow } from "../../../services/batch/batch.domain.ts";
import { chunkCommit, claimed, end, event, LEASE, moveOf, ready, upload } from "./drafts.ts";

const key = (digit: number) => String(digit).padStart(2, "0").repeat(16);

/** Taking a batch back deletes in pieces what it has delivered, and all that would prevent its content from coming again. */
export function undoSuite(database: () => Database): void {
  describe("taking back", () => {
    const store = () => database().store;
    const seqs = async ({ id }: BatchRow) => (await store().records(id, 0, 10, 1e6)).map(({ seq }) => seq);
    const keysLeft = async () => (await database().sequelize.query('SELECT 1 AS "one" FROM "record_key"'))[0].length;

    /** A batch of three records with the keys 1 to 3. */
    async function delivered(clientId: number): Promise<BatchRow> {
      const batch = await claimed(store(), clientId);
      const unique = { duplicates: [], keys: [1, 2, 3].map(key).join("\n"), freed: null };
      const written = await store().commitChunk(chunkCommit(batch, [], { unique, end: end() }));
      return written?.batch as BatchRow;
    }
    const undoing = async (batch: BatchRow) => (await store().move(moveOf(batch, "undoing")))?.batch as BatchRow;

    test("a piece deletes a limited number of records, and their keys if they belong to the batch", async () => {
      const [batch, other] = [await undoing(await delivered(1)), await delivered(2)];
      expect(await store().undoRecords(batch.id, 2, [key(1), key(2)])).toBe(true);
      expect([await seqs(batch), await seqs(other)]).toEqual([[3], [1, 2, 3]]);
      expect(await keysLeft()).toBe(4);
      await database().sequelize.query(`UPDATE "record_key" SET "batch_id" = ${other.id} WHERE "client_id" = 1`);
      expect(await store().undoRecords(batch.id, 3, [key(3)])).toBe(true);
      expect([await seqs(batch), await keysLeft()]).toEqual([[], 4]);
    });

    test("nothing is deleted of a batch that is not being taken back", async () => {
      const batch = await delivered(1);
      expect(await store().undoRecords(batch.id, 3, [key(1)])).toBe(false);
      expect([await seqs(batch), await keysLeft()]).toEqual([[1, 2, 3], 3]);
    });

    test("the sweep finds the batch until it is undone; the batch keeps its end time and its errors, and is counted", async () => {
      const batch = await delivered(1);
      const taken = await undoing(batch);
      expect(taken).toMatchObject({ state: "undoing", finishedAt: batch.finishedAt, accepted: 3 });
      expect(await store().due("undoing", 10)).toMatchObject([{ id: batch.id }]);
      expect((await store().stats()).states).toEqual({ undoing: 1 });
      const events = [event("batch.undone")];
      const written = await store().move(moveOf(taken, "undone", { due: { inMs: LEASE }, events }));
      expect(written).toMatchObject({ batch: { state: "undone", accepted: 3 }, outbox: events });
      expect((await store().stats()).states).toEqual({ undone: 1 });
      expect(await store().due("undoing", 10)).toEqual([]);
    });

    test("corrected marks of the batch are removed piece by piece, and the first batch counts each of them back once", async () => {
      const first = await claimed(store(), 1);
      const scope = `corrections of batch ${first.id}`;
      const mark = (n: number) => scopeDigits(scope) + createHash("sha256").update(`${n}`).digest("hex").slice(0, 32);
      const range = keyRange(scope);
      const all = [1, 2, 3, 4, 5].map(mark);
      const correction = async (...numbers: number[]) => {
        const batch = await claimed(store(), 1);
        expect(await store().reserveKeys(batch.id, batch.fence, 0, [...numbers.map(mark), key(7)])).toEqual([]);
        const unique = { duplicates: [], keys: "", freed: [key(7)], marks: { first: first.id, ...range } };
        return (await store().commitChunk(chunkCommit(batch, [], { unique, end: end() })))?.batch as BatchRow;
      };
      const [one, other] = [await correction(1, 2, 4), await correction(3, 5)];
      const corrected = async () => (await store().batch(first.publicId, null))?.corrected;
      const piece = (batch: BatchRow, after: string | null) =>
        store().undoMarks(batch.id, first.id, { after: after ?? range.from, to: range.to }, 2);
      expect(await corrected()).toBe(5);
      expect(await piece(one, null)).toBeUndefined();
      const taken = await undoing(one);
      let after = (await piece(taken, null))?.last ?? null;
      expect([await corrected(), after]).not.toEqual([5, null]);
      while (after !== null) after = (await piece(taken, after))?.last ?? null;
      expect(await piece(taken, null)).toEqual({ last: expect.any(String) });
      expect([await corrected(), await store().takenKeys(1, all)]).toEqual([2, expect.any(Array)]);
      expect((await store().takenKeys(1, all)).sort()).toEqual([mark(3), mark(5)].sort());
      const rest = await undoing(other);
      await database().sequelize.query(`UPDATE "record_key" SET "expires_at" = 1 WHERE "batch_id" = ${other.id}`);
      await store().undoMarks(rest.id, first.id, { after: range.from, to: range.to }, 10);
      expect(await corrected()).toBe(2);
      await database().sequelize.query(`UPDATE "record_key" SET "expires_at" = NULL WHERE "batch_id" = ${other.id}`);
      await store().undoMarks(rest.id, first.id, { after: range.from, to: range.to }, 10);
      expect([await corrected(), await store().takenKeys(1, all)]).toEqual([null, []]);
    });

    test("at the end its content may come again, and no key of another batch is deleted", async () => {
      const dedup = { dedup: { keepMs: 60_000 } };
      const batch = await ready(store(), 1, dedup);
      await ready(store(), 2, dedup);
      const taken = await store().claim(batch.id, "node-1", LEASE);
      const first = await store().commitChunk(chunkCommit(taken?.batch as BatchRow));
      const last = await store().commitChunk(chunkCommit(first?.batch as BatchRow, [], { end: end() }));
      const undone = await undoing(last?.batch as BatchRow);
      expect(await store().commitUpload(upload(1, dedup))).toMatchObject({ outcome: "duplicate" });
      await store().move(moveOf(undone, "undone"));
      expect(await store().commitUpload(upload(1, dedup))).toMatchObject({ outcome: "stored" });
      expect(await store().commitUpload(upload(2, dedup))).toMatchObject({ outcome: "duplicate" });
    });
  });
}
