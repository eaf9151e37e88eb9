/** Reads rejected records by their numbers. Corrections name records by these numbers. */
import type { RecordErrors, RefusedRecord } from "../../services/batch/batch.reads.domain.ts";
import { addError, PASS, type RawError } from "../rows.ts";
import { recordError } from "../schema/tables.ts";
import type { BatchStore } from "../store.ts";
import { ofBatch } from "./batches.ts";
import { select, selectFrom } from "./steps.ts";
import type { Units } from "./unit.ts";

/** How many record numbers one query looks up. */
const NUMBERS_AT_ONCE = 1_000;

/**
 * The units that read rejected records by number. They look up each number alone, because the numbers may lie far
 * apart.
 */
export function refusedUnits(on: Units): Pick<BatchStore, "refused" | "errorsOf"> {
  const current = on.unit({ id: "bigint" }, () => [
    select<{ pass: number }>('SELECT b.pass AS "pass" FROM batch AS b WHERE b.id = :id'),
  ]);
  const records = on.unit({ id: "bigint", seqs: "ids" }, ({ isIn }) => [
    select<RefusedRecord>(`SELECT e.seq AS "seq", e.corrects AS "corrects" FROM record_error AS e
  WHERE e.batch_id = :id AND e.n = 0 AND ${isIn("e.seq", ":seqs")} ORDER BY e.seq`),
  ]);
  const errors = on.unit({ id: "bigint", seqs: "ids" }, ({ isIn }) => [
    selectFrom(
      recordError,
      ["batchId", "seq", "n", "line", "field", "code", "message", "raw", "source", "value"],
      "e",
      `FROM record_error AS e WHERE e.batch_id = :id AND ${isIn("e.seq", ":seqs")} ORDER BY e.seq, e.n`,
    ),
  ]);
  /**
   * The values of `record_error.seq` for these record numbers in the batch's current pass, in lists for one query each.
   */
  async function* pieces(id: number, numbers: number[]) {
    const asked = [...new Set(numbers)].filter(isNumber).sort((a, b) => a - b);
    if (asked.length === 0) return;
    const { pass = 0 } = (await current.row({ id })) ?? {};
    for (let at = 0; at < asked.length; at += NUMBERS_AT_ONCE)
      yield asked.slice(at, at + NUMBERS_AT_ONCE).map((number) => pass * PASS + number);
  }
  return {
    async refused(id, numbers) {
      const found: RefusedRecord[] = [];
      for await (const seqs of pieces(id, numbers))
        for (const { seq, corrects } of await records.rows({ id, seqs })) found.push({ seq: seq % PASS, corrects });
      return found;
    },
    async errorsOf(id, numbers) {
      const found: RecordErrors[] = [];
      for await (const seqs of pieces(id, numbers))
        for (const row of ofBatch(id, await errors.rows({ id, seqs }))) addError(found, row as RawError);
      return found;
    },
  };
}

/**
 * Whether a number can be a record's number. Other numbers would lead to the records of another pass (rows.ts, PASS).
 */
const isNumber = (number: number): boolean => Number.isInteger(number) && number > 0 && number < PASS;
