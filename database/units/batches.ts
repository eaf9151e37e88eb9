/** A batch as it is read: with what moves of it, where somebody has it. */
import { isLive, LIVE, type RawBatch } from "../rows.ts";
import { columnOf } from "../schema/table.ts";
import { batch } from "../schema/tables.ts";
import type { Select } from "./steps.ts";
import type { Fragments, Params, Units } from "./unit.ts";

/** All but what only statements need. */
const columns = batch.columns.map(({ name }) => name).filter((name) => name !== "parentId" && name !== "pass");

function live(name: string): string {
  const { column } = columnOf(batch, name);
  return `${isLive(column) ? `coalesce(w.${column}, batch.${column})` : `batch.${column}`} AS "${name}"`;
}

export const WHOLE = columns.map(live).join(", ");
/** Of many at once the envelope stays away: a CSV header has up to a MiB, and nobody asks a list for it. */
export const LISTED = columns.map((name) => (name === "envelope" ? `'{}' AS "envelope"` : live(name))).join(", ");

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
