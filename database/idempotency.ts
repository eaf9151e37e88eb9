/**
 * The answer that an idempotency key replays: column `answer` of `idempotency_key`, the same in every dialect. The key of a
 * small upload must cost little. So its answer stores only the columns of the new batch that change later; the other columns
 * are read from the row of the batch. An answer about an earlier batch stores the whole batch.
 */
import type { BatchRow } from "../services/batch/batch.domain.ts";
import type { UploadAnswer } from "../services/imports/imports.domain.ts";
import { tableCounts } from "./rows.ts";

export const answerColumns = [
  "state",
  "reason",
  "phase",
  "chunks",
  "dueAt",
  "version",
  "readyAt",
  "finishedAt",
] as const satisfies readonly (keyof BatchRow)[];

/** The values of a new batch's columns before any worker has claimed the batch. */
const untouched = {
  nextChunk: 0,
  accepted: 0,
  rejected: 0,
  duplicate: 0,
  faults: 0,
  unlisted: 0,
  fence: 0,
  owner: null,
  attempt: 0,
  attemptsTotal: 0,
  startedAt: null,
  rejectedBefore: null,
  committedAt: null,
  corrected: null,
} as const;

/** The counts of rows in the company's own table: 0 in a new batch that has them, otherwise null. */
const untouchedRows = (raw: object) =>
  Object.fromEntries(tableCounts.map((name) => [name, (raw as Partial<BatchRow>)[name] == null ? null : 0]));

/** `made`: the stored columns of a new batch, as the database gives them. `batch`: a whole earlier batch. */
type Kept<Raw> = { status: 202; made: Partial<Raw> } | { status: UploadAnswer["status"]; batch: BatchRow };

export const newBatchAnswer = <Raw extends object>(raw: Raw): string =>
  JSON.stringify({
    status: 202,
    made: Object.fromEntries(answerColumns.map((name) => [name, raw[name as keyof Raw]])),
  });

export const wholeAnswer = ({ status, batch }: UploadAnswer): string => JSON.stringify({ status, batch });

/** Reads a stored answer. `raw`: the row of its batch. Null: the answer needs that row, and retention has deleted it. */
export function readAnswer<Raw extends object>(
  text: string,
  raw: Raw | undefined,
  batchRow: (raw: Raw) => BatchRow,
): UploadAnswer | null {
  const kept = JSON.parse(text) as Kept<Raw>;
  if ("batch" in kept) return kept;
  return raw
    ? { status: kept.status, batch: batchRow({ ...raw, ...untouched, ...untouchedRows(raw), ...kept.made }) }
    : null;
}
