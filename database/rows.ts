/** Between rows and the types of the seam, where all dialects do the same. */
import type { RejectedRecord } from "../formats/formats.ts";
import { countLines } from "../formats/text-lines.ts";
import { rowColumns } from "./batch.ts";
import { BrokenLink } from "./errors.ts";
import { batchWork } from "./schema/tables.ts";
import {
  type BatchRow,
  type BatchState,
  batchStates,
  type ChunkCommit,
  finalStates,
  isFinal,
  type RecordErrors,
} from "./store.ts";
import { storable } from "./text.ts";

type Json<T, K extends keyof T> = Omit<T, K> & { [P in K]: string | (null extends T[P] ? null : never) };
/** A batch as it lies in its table: what is JSON there is text. */
export type RawBatch = Json<BatchRow, "reason" | "envelope">;

/** Throws BrokenLink for what is no row of a batch. */
export function batchRow(raw: RawBatch): BatchRow {
  if (!batchStates.includes(raw.state) || typeof raw.envelope !== "string" || raw.reason === undefined)
    throw new BrokenLink();
  return { ...raw, reason: raw.reason === null ? null : JSON.parse(raw.reason), envelope: JSON.parse(raw.envelope) };
}

export const jsonOrNull = (value: unknown) => (value === null ? null : JSON.stringify(value));

/** Whether `finished_at` is to be set. */
export const hasEnded = isFinal;

/** What a row of `batch_work` has beside the moving columns. */
const staying = ["batch_id", "client_id", "owner", "fence", "due_at", "pass", "place", "group_id"];

export const workColumns = batchWork.columns.map(({ column }) => column);

/** Columns of `batch` that are kept in `batch_work` while somebody has the batch. Its `due_at` is too, and is NULL in `batch` then. */
export const moving = batchWork.columns.filter(({ column }) => !staying.includes(column));
export const movingColumns = moving.map(({ column }) => column);

/** What the trigger of `workTaken` takes along, as migration 0013 makes it: a step that adds one makes the trigger anew. */
export const countedColumns = ["next_chunk", "phase", "accepted", "rejected", "duplicate", "faults", "unlisted"];

/** Columns that are read from `batch_work`, where it has a row. */
export const isLive = (column: string): boolean => column === "due_at" || movingColumns.includes(column);

/** A batch with its row in `batch_work`, if somebody has it. */
export const WORK = "LEFT JOIN batch_work w ON w.batch_id = batch.id AND w.fence = batch.fence";
export const LIVE = `batch ${WORK}`;
/** A column of a batch, read from `LIVE`. */
export const liveColumn = (column: string): string =>
  isLive(column) ? `coalesce(w.${column}, batch.${column})` : `batch.${column}`;

/**
 * A batch as the list of a SELECT: `read` makes an expression of each column, which gets the name that a `BatchRow` has for it.
 * `hex`: how bytes become their digits; omitted: they stay bytes.
 */
export const batchList = (read: (column: string) => string, hex = (bytes: string) => bytes): string =>
  rowColumns
    .map(({ name, column, kind }) => `${kind === "hash" ? hex(read(column)) : read(column)} AS "${name}"`)
    .join(", ");

/** States in which somebody has the batch, for as long as a lease lasts. */
export const isLeased = (state: BatchState): boolean => state === "receiving" || state === "processing";

/** When a batch of `LIVE` in this state is due. In all other states an index tells. */
export const dueOf = (state: BatchState): string =>
  isLeased(state) ? "coalesce(w.due_at, batch.due_at)" : "batch.due_at";

/** Whether a row of `batch`, by the name `of`, is an upload that was taken from its node. */
export const voidedUpload = (of: string): string => `${of}.state = 'receiving' AND ${of}.fence > 0`;
export const notVoided = (of: string): string => `NOT (${voidedUpload(of)})`;

/**
 * Which rows of `batch`, by the name `of`, may be deleted at `now`: a batch that ended and whose time is over, or an upload that
 * was taken from its node. Each statement that deletes asks for it, whatever its caller believes to know.
 */
export const removable = (of: string, now: string): string =>
  `${of}.due_at <= ${now} AND (${of}.state IN (${finalStates.map((state) => `'${state}'`).join(", ")}) OR (${voidedUpload(of)}))`;

/**
 * Each pass over a batch numbers its errors anew, above those of all passes before it: `seq` in `record_error` is `pass` of the
 * batch times this, and the record's number. A batch that is begun anew so has no errors at once, and the key of the table is as it was.
 * No batch has as many records.
 */
export const PASS = 2 ** 32;

/** Failed attempts that are kept of a batch. */
export const KEPT_ATTEMPTS = 100;

/** A row of `record_error`. A record has one for each of its errors; `line` and `raw` are on the first, whose `code` is null where there is none. */
export interface RawError {
  seq: number;
  n: number;
  line: number | null;
  field: string;
  code: string | null;
  message: string;
  raw: string;
}

/** Adds a row to the records that it belongs to; rows come in the order of `seq` and `n`. */
export function addError(found: RecordErrors[], { seq, n, line, field, code, message, raw }: RawError): void {
  if (n === 0) found.push({ seq: seq % PASS, line, raw, errors: [] });
  if (code !== null) found.at(-1)?.errors.push({ field, code, message });
}

/** What a row costs beside its texts. Without it, a page bounded by bytes could hold any number of empty rows. */
export const ROW_BYTES = 64;

/** So many rows of `record_error` are more than a page of `maxBytes` can hold. */
export const mostErrorRows = (maxBytes: number): number => Math.ceil(maxBytes / ROW_BYTES) + 1;

/** A wrong count would shift the number of every record after it. */
export function checkCount({ text, records, errors, unlisted, unique }: ChunkCommit): void {
  if (text.length === 0) return;
  const lines = countLines(text);
  const duplicates = unique?.duplicates.length ?? 0;
  const rejected = errors.length + unlisted.length;
  if (lines + rejected + duplicates !== records)
    throw new Error(
      `A chunk of ${records} records came with ${lines} texts, ${rejected} errors and ${duplicates} duplicates.`,
    );
}

/** The places of a chunk that have no text, rising. */
export const placesWithout = ({ errors, unlisted, unique }: ChunkCommit): number[] =>
  [...errors.map(({ index }) => index), ...unlisted, ...(unique?.duplicates ?? [])].sort((a, b) => a - b);

/** The rows of a rejected record, with nothing in them that a server would refuse. */
export function errorRows(firstRecord: number, { index, line, raw, errors }: RejectedRecord) {
  const faults = errors.length > 0 ? errors : [{ field: null, code: null, message: null }];
  return faults.map(({ field, code, message }, n) => ({
    seq: firstRecord + index,
    n,
    line: n === 0 ? line : null,
    field: field && storable(field),
    code: code && storable(code),
    message: message && storable(message),
    raw: n === 0 ? storable(raw) : null,
  }));
}
