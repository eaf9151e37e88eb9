/** Between rows and the types of the seam, where all dialects do the same. */
import { type BatchRow, isFinal, type RecordErrors } from "./store.ts";

type Json<T, K extends keyof T> = Omit<T, K> & { [P in K]: string | (null extends T[P] ? null : never) };
/** A batch as it lies in its table: what is JSON there is text. */
export type RawBatch = Json<BatchRow, "reason" | "envelope">;

export function batchRow(raw: RawBatch): BatchRow {
  return { ...raw, reason: raw.reason === null ? null : JSON.parse(raw.reason), envelope: JSON.parse(raw.envelope) };
}

export const jsonOrNull = (value: unknown) => (value === null ? null : JSON.stringify(value));

/** Whether `finished_at` is to be set. */
export const hasEnded = isFinal;

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
  if (n === 0) found.push({ seq, line, raw, errors: [] });
  if (code !== null) found.at(-1)?.errors.push({ field, code, message });
}
