/** Turns rows into the types of the services and back. The same for all dialects. */
import type { RecordFault, RejectedRecord } from "../formats/formats.ts";
import { countLines } from "../formats/text-lines.ts";
import { type BatchRow, type BatchState, batchStates, finalStates, isFinal } from "../services/batch/batch.domain.ts";
import type { RecordErrors } from "../services/batch/batch.reads.domain.ts";
import type { ChunkCommit } from "../services/batch/batch.writes.domain.ts";
import { MismatchedAnswer } from "./errors.ts";
import type { Row } from "./schema/table.ts";
import { batch, batchWork } from "./schema/tables.ts";

/** Columns of `batch` that only statements use; a `BatchRow` does not have them. */
const OWN = ["parentId", "pass", "dedupHash"] as const;

type Stored = Omit<Row<typeof batch>, (typeof OWN)[number]>;
type Same<A, B> = [A, B] extends [B, A] ? true : false;
// Does not compile if a column has no field in BatchRow, or a field has no column.
true satisfies Same<Stored, BatchRow>;

/** The columns of a `BatchRow`, in the table's order. */
export const rowColumns = batch.columns.filter(({ name }) => !(OWN as readonly string[]).includes(name));

/** The columns of `batch`, picked from a row that has further columns. */
export const batchOf = <R extends Record<keyof BatchRow, unknown>>(row: R) =>
  Object.fromEntries(rowColumns.map(({ name }) => [name, row[name as keyof BatchRow]])) as Pick<R, keyof BatchRow>;

type Json<T, K extends keyof T> = Omit<T, K> & { [P in K]: string | (null extends T[P] ? null : never) };
/** A batch as its table has it: JSON columns are text. */
export type RawBatch = Json<BatchRow, "reason" | "envelope">;

/** Throws MismatchedAnswer if the row cannot be one of `batch`. */
export function batchRow(raw: RawBatch): BatchRow {
  if (!batchStates.includes(raw.state) || typeof raw.envelope !== "string" || raw.reason === undefined)
    throw new MismatchedAnswer();
  return { ...raw, reason: raw.reason === null ? null : JSON.parse(raw.reason), envelope: JSON.parse(raw.envelope) };
}

export const jsonOrNull = (value: unknown) => (value === null ? null : JSON.stringify(value));

/** Whether a batch in this state has ended, so that `finished_at` is set. */
export const hasEnded = isFinal;

/** Columns of `batch_work` that are not copies of columns of `batch`. */
const staying = ["batch_id", "client_id", "owner", "fence", "due_at", "pass", "place", "group_id"];

export const workColumns = batchWork.columns.map(({ column }) => column);

/**
 * The moving columns: while a worker or an upload holds the batch, their values are in `batch_work` and those in `batch` are
 * stale. Its `due_at` is also there, and is NULL in `batch` meanwhile.
 */
export const moving = batchWork.columns.filter(({ column }) => !staying.includes(column));
export const movingColumns = moving.map(({ column }) => column);

/** Columns that the trigger `workTaken` copies back to `batch`. Migration 0013 made it; a migration that adds a column makes it anew. */
export const countedColumns = ["next_chunk", "phase", "accepted", "rejected", "duplicate", "faults", "unlisted"];

/** Columns that are 0 again when a batch starts over. */
export const restarted = ["next_chunk", "accepted", "rejected", "duplicate", "faults", "unlisted"];

/** Columns that count the rows a batch wrote in the company's own table. */
export const tableCounts = ["created", "updated", "deleted"] as const;
/** The columns that the trigger `workTaken` of migration 0023 copies back to `batch`. */
export const countedWithTables = [...countedColumns, ...tableCounts];

/** Whether the column is read from `batch_work` if that has a row for the batch. */
export const isLive = (column: string): boolean => column === "due_at" || movingColumns.includes(column);

/** Joins a batch with its row of `batch_work`, which it has while a worker or an upload holds it. */
export const WORK = "LEFT JOIN batch_work w ON w.batch_id = batch.id AND w.fence = batch.fence";
export const LIVE = `batch ${WORK}`;
/** The current value of a column, for a SELECT from `LIVE`. */
export const liveColumn = (column: string): string =>
  isLive(column) ? `coalesce(w.${column}, batch.${column})` : `batch.${column}`;

/**
 * The SELECT list of a batch. `read` makes the expression of a column; its alias is the field's name in `BatchRow`. `hex` makes
 * hexadecimal digits of bytes; omitted: they stay bytes.
 */
export const batchList = (read: (column: string) => string, hex = (bytes: string) => bytes): string =>
  rowColumns
    .map(({ name, column, kind }) => `${kind === "hash" ? hex(read(column)) : read(column)} AS "${name}"`)
    .join(", ");

/** States in which a worker or an upload holds the batch with a lease. */
export const isLeased = (state: BatchState): boolean => state === "receiving" || state === "processing";

/** The expression for when a batch of `LIVE` is due. For states without a lease it is a plain column, so an index serves. */
export const dueOf = (state: BatchState): string =>
  isLeased(state) ? "coalesce(w.due_at, batch.due_at)" : "batch.due_at";

/** The condition that a row of `batch` (alias `of`) is a voided upload: one that was taken from its node. */
export const voidedUpload = (of: string): string => `${of}.state = 'receiving' AND ${of}.fence > 0`;
export const notVoided = (of: string): string => `NOT (${voidedUpload(of)})`;

/** The condition that no legal hold keeps what belongs to the client in this column. */
export const notHeld = (clientId: string): string =>
  `NOT EXISTS (SELECT 1 FROM client AS holder WHERE holder.id = ${clientId} AND holder.legal_hold = 1)`;

/** The condition that nobody works at a row of `batch` (alias `of`): the batch has ended, or is a voided upload. */
export const resting = (of: string): string =>
  `(${of}.state IN (${finalStates.map((state) => `'${state}'`).join(", ")}) OR (${voidedUpload(of)}))`;

/**
 * The condition that a row of `batch` (alias `of`) may be deleted: the batch has ended and its retention is over, or it is a
 * voided upload; and no legal hold keeps it. Each statement that deletes checks it again, whatever its caller has read before.
 */
export const removable = (of: string, now: string): string =>
  `${of}.due_at <= ${now} AND ${resting(of)} AND ${notHeld(`${of}.client_id`)}`;

/**
 * `record_error.seq` is the batch's `pass` times this number, plus the record's number. So the errors of a new pass never meet
 * those of earlier passes: a batch that starts over has no errors at once, and the old rows are deleted later. No batch has
 * this many records.
 */
export const PASS = 2 ** 32;

/**
 * A row of `record_error`. A rejected record has a row for each error. Only the first row has `line` and `raw`. Its `code` is
 * null if the record was rejected without an error.
 */
export interface RawError {
  seq: number;
  n: number;
  line: number | null;
  field: string;
  code: string | null;
  message: string;
  raw: string;
  source: string | null;
  value: string | null;
}

/** Adds a row to the record that it belongs to. Rows must come in the order of `seq` and `n`. */
export function addError(found: RecordErrors[], row: RawError): void {
  const { seq, n, line, field, code, message, raw, source, value } = row;
  if (n === 0) found.push({ seq: seq % PASS, line, raw, errors: [] });
  if (code === null) return;
  const cause = { ...(source !== null && { column: source }), ...(value !== null && { value }) };
  found.at(-1)?.errors.push({ field, code, message, ...cause });
}

/** Bytes that a row counts beside its texts. Without them, a page limited by bytes could hold any number of empty rows. */
export const ROW_BYTES = 64;

/** A number of `record_error` rows that no page of `maxBytes` can hold. */
export const mostErrorRows = (maxBytes: number): number => Math.ceil(maxBytes / ROW_BYTES) + 1;

/** Throws if the parts of a chunk do not add up. A wrong count would give every later record a wrong number. */
export function checkCount(commit: ChunkCommit): void {
  const { text, records, errors, unlisted, passed = [], unique } = commit;
  if (text.length === 0) return;
  const lines = countLines(text);
  const duplicates = passed.length + (unique?.duplicates.length ?? 0);
  const rejected = errors.length + unlisted.length;
  if (lines + rejected + duplicates !== records)
    throw new Error(
      `A chunk of ${records} records came with ${lines} texts, ${rejected} errors and ${duplicates} duplicates.`,
    );
}

/** The positions in a chunk whose record is not stored, in rising order. */
export const placesWithout = ({
  errors,
  unlisted,
  passed = [],
  unique,
}: Pick<ChunkCommit, "errors" | "unlisted" | "passed" | "unique">): number[] =>
  [...errors.map(({ index }) => index), ...unlisted, ...passed, ...(unique?.duplicates ?? [])].sort((a, b) => a - b);

/** The `record_error` rows of a rejected record. Characters that a server would refuse are replaced. */
export function errorRows({ firstRecord, rejectedMarks }: ChunkCommit, { index, line, raw, errors }: RejectedRecord) {
  const faults: Partial<RecordFault>[] = errors.length > 0 ? errors : [{}];
  const text = (of: string | undefined) => (of === undefined ? null : storable(of));
  return faults.map(({ field, code, message, column, value }, n) => ({
    seq: firstRecord + index,
    n,
    line: n === 0 ? line : null,
    field: text(field),
    code: text(code),
    message: text(message),
    raw: n === 0 ? storable(raw) : null,
    source: text(column),
    value: text(value),
    corrects: n === 0 ? (rejectedMarks?.[index] ?? null) : null,
  }));
}

const REPLACEMENT = "\uFFFD";

/** The text as every database accepts it: NUL and lone surrogates become U+FFFD. */
export const storable = (text: string): string => text.toWellFormed().replaceAll("\0", REPLACEMENT);

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Whether the text is a UUID in small letters, as we write them. Other texts are never sent to the database: a database with a
 * UUID type fails on a malformed one, and would treat capitals as small letters.
 */
export const isUuid = (text: string): boolean => UUID.test(text);
