/** Reads of whole batches, with the moving columns from `batch_work` where a worker or an upload holds the batch. */

import { MismatchedAnswer } from "../errors.ts";
import { batchList, LIVE, liveColumn, type RawBatch } from "../rows.ts";
import type { Select } from "./steps.ts";
import type { Fragments, Params, Units } from "./unit.ts";

export const WHOLE = batchList(liveColumn);
/** Lists leave out the envelope: a CSV header may have a MiB, and no caller needs it from a list. */
export const LISTED = batchList((column) => (column === "envelope" ? "'{}'" : liveColumn(column)));

const read = (text: string): Select & { row?: RawBatch } => ({
  do: "select",
  text,
  read: [{ name: "contentHash", as: "hex" }],
});

/** The unit that reads one batch. `where`: the condition that finds it. */
export const oneBatch = <const P extends Params>(on: Units, params: P, where: string) =>
  on.unit(params, () => [read(`SELECT ${WHOLE} FROM ${LIVE} WHERE ${where}`)]);

/** The unit that reads the first batches of a list. `rest`: the conditions and the order. */
export const listedBatches = <const P extends Params>(on: Units, params: P, rest: (fragments: Fragments) => string) =>
  on.unit({ ...params, limit: "int" } as const, (fragments) => [
    read(fragments.first(":limit", `${LISTED} FROM ${LIVE} WHERE ${rest(fragments)}`)),
  ]);

/** The rows without their batch id. Throws MismatchedAnswer if a row belongs to another batch. */
export function ofBatch<T extends { batchId: number }>(id: number, rows: T[]): Omit<T, "batchId">[] {
  return rows.map(({ batchId, ...row }) => {
    if (batchId !== id) throw new MismatchedAnswer();
    return row;
  });
}
