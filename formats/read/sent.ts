/** The values that a record came with, for faults that show only once it has been read: those of tables. */
import { exactRecord } from "../check/exact-record.ts";
import { isSensitive, MASK, type Sensitive } from "../check/sensitive.ts";
import { CellReader } from "../csv/cells.ts";
import { dialectOf } from "../csv/dialect.ts";
import type { Envelope, Format, RecordFault } from "../formats.ts";
import { cellsOf } from "../xlsx/stored.ts";
import { MOST_NAME, placeOf } from "./faults.ts";
import { shownJson, shownText } from "./shown.ts";

/** How the records of a batch came. It can be sent to another thread. */
export interface SentAs {
  format: Format;
  envelope: Envelope;
  /** For records of cells: the names of their columns, and the position of each field's column. Null: the records are JSON. */
  cells: { names: readonly string[]; places: ReadonlyMap<string, number> } | null;
  /** Fields whose values are not shown. */
  sensitive?: Sensitive;
}

/** What was sent for the field, and the name of its column where that is another one. `raw`: the text of an accepted record. */
export function foundIn(raw: string, path: readonly string[], sent: SentAs): Pick<RecordFault, "column" | "value"> {
  const found = shownIn(raw, path, sent);
  return found.value !== undefined && isSensitive(path.join("."), sent.sensitive ?? [])
    ? { ...found, value: MASK }
    : found;
}

function shownIn(raw: string, path: readonly string[], sent: SentAs): Pick<RecordFault, "column" | "value"> {
  if (!sent.cells) {
    const found = at(exactRecord(raw), path);
    return found === undefined ? {} : { value: shownJson(found, null) };
  }
  const { names, places } = sent.cells;
  const field = path.join(".");
  const place = placeOf(field, places);
  const name = names[place];
  if (name === undefined) return {};
  const text = cellAt(raw, place, sent);
  return { ...(name !== field && { column: name.slice(0, MOST_NAME) }), ...(text && { value: shownText(text) }) };
}

const cellAt = (raw: string, place: number, { format, envelope }: SentAs): string | undefined =>
  format === "xlsx" ? cellsOf(JSON.parse(raw))[place]?.text : new CellReader(dialectOf(envelope)).cells(raw)[place];

function at(record: unknown, path: readonly string[]): unknown {
  let found = record;
  for (const step of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Record<string, unknown>)[step];
  }
  return found;
}
