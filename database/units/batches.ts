/** A batch as it is read: with what moves of it, where somebody has it. */
import { batchList, LIVE, liveColumn, type RawBatch } from "../rows.ts";
import type { Select } from "./steps.ts";
import type { Fragments, Params, Units } from "./unit.ts";

export const WHOLE = batchList(liveColumn);
/** Of many at once the envelope stays away: a CSV header has up to a MiB, and nobody asks a list for it. */
export const LISTED = batchList((column) => (column === "envelope" ? "'{}'" : liveColumn(column)));

const read = (text: string): Select & { row?: RawBatch } => ({
  do: "select",
  text,
  read: [{ name: "contentHash", as: "hex" }],
});

/** The one batch that `where` finds. */
export const oneBatch = <const P extends Params>(on: Units, params: P, where: string) =>
  on.unit(params, () => [read(`SELECT ${WHOLE} FROM ${LIVE} WHERE ${where}`)]);

/** The first batches of a list. `rest`: its conditions and order. */
export const listedBatches = <const P extends Params>(on: Units, params: P, rest: (fragments: Fragments) => string) =>
  on.unit({ ...params, limit: "int" } as const, (fragments) => [
    read(fragments.first(":limit", `${LISTED} FROM ${LIVE} WHERE ${rest(fragments)}`)),
  ]);
