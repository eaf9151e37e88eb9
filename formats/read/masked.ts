/** Records as they are shown: the values of sensitive fields are cut out of their texts by the places of these fields. */
import { maskedJson } from "../check/json-mask.ts";
import { isSensitive, MASK, type Sensitive } from "../check/sensitive.ts";
import { CellReader } from "../csv/cells.ts";
import { dialectOf } from "../csv/dialect.ts";
import { cellSpans } from "../csv/spans.ts";
import type { Envelope, Format } from "../formats.ts";
import { cellsOf, type StoredRow } from "../xlsx/stored.ts";
import { shownColumns } from "./columns.ts";
import type { Read } from "./read.ts";

interface Reading {
  schema: object;
  read: Read | null;
  sensitive: Sensitive;
}

type Mask = (raw: string) => string;

/** How the text of a record is shown. Of one in which the fields have no certain place (a malformed one), nothing is. */
export function rawMask({ format, envelope }: { format: Format; envelope: Envelope }, reading: Reading): Mask {
  const { schema, read, sensitive } = reading;
  if (sensitive.length === 0) return (raw) => raw;
  if (format === "json" || format === "ndjson") return (raw) => (isObject(raw) ? maskedJson(raw, sensitive) : MASK);
  const fields = shownColumns(envelope, schema, read).map(({ field }) => field);
  const isHidden = fields.map((field) => field !== null && isSensitive(field, sensitive));
  return format === "xlsx" ? (raw) => maskedStored(raw, isHidden) : (raw) => maskedRow(raw, isHidden, envelope);
}

function isObject(raw: string): boolean {
  try {
    const value = JSON.parse(raw);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function maskedRow(raw: string, isHidden: readonly boolean[], envelope: Envelope): string {
  const dialect = dialectOf(envelope);
  const reader = new CellReader(dialect);
  const cells = reader.cells(raw);
  if (reader.fault !== null || cells.length < isHidden.length || hasStray(cells, isHidden)) return MASK;
  const shown = cellSpans(raw, dialect).map(({ from, to }, i) =>
    isHidden[i] && cells[i] !== "" ? MASK : raw.slice(from, to),
  );
  return shown.join(dialect.delimiter);
}

/** The cells of a row with one too many may stand in columns that are not theirs. */
const hasStray = (cells: readonly (string | undefined)[], { length }: readonly boolean[]): boolean =>
  cells.slice(length).some((cell) => cell !== undefined && cell.trim() !== "");

function maskedStored(raw: string, isHidden: readonly boolean[]): string {
  const stored = storedOf(raw);
  if (stored === null) return MASK;
  const texts = cellsOf(stored).map((cell) => cell?.text);
  if (hasStray(texts, isHidden)) return MASK;
  let column = 0;
  const cells = stored.cells.map((kept) => {
    const at = column;
    const empty = typeof kept === "object" && kept !== null ? kept.empty : undefined;
    column += empty === undefined ? 1 : Number(empty);
    return kept !== null && empty === undefined && isHidden[at] ? MASK : kept;
  });
  return JSON.stringify({ ...stored, cells });
}

function storedOf(raw: string): StoredRow | null {
  try {
    return JSON.parse(raw);
  } catch {
    return null;
  }
}
