/**
 * Column `answer` of idempotency_key, the same in every dialect. A small upload's key must cost little, so of the batch that
 * it made only what changes later is kept; the rest is read from the batch's own row. Of an earlier batch all is kept.
 */
import type { BatchRow, UploadAnswer } from "./store.ts";

export const keptColumns = [
  "state",
  "reason",
  "phase",
  "chunks",
  "dueAt",
  "version",
  "readyAt",
  "finishedAt",
] as const satisfies readonly (keyof BatchRow)[];

/** What nobody has done yet when an upload is answered. */
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
} as const;

/** `made`: some columns of the raw row, as the database gives it. `batch`: a whole one. */
type Kept<Raw> = { status: 202; made: Partial<Raw> } | { status: UploadAnswer["status"]; batch: BatchRow };

export const keptMade = <Raw extends object>(raw: Raw): string =>
  JSON.stringify({ status: 202, made: Object.fromEntries(keptColumns.map((name) => [name, raw[name as keyof Raw]])) });

export const keptWhole = ({ status, batch }: UploadAnswer): string => JSON.stringify({ status, batch });

/** The key's answer. `raw` is its batch's row; without one, the answer of a batch that is gone is null. */
export function answerOf<Raw extends object>(
  text: string,
  raw: Raw | undefined,
  batchRow: (raw: Raw) => BatchRow,
): UploadAnswer | null {
  const kept = JSON.parse(text) as Kept<Raw>;
  if ("batch" in kept) return kept;
  return raw ? { status: kept.status, batch: batchRow({ ...raw, ...untouched, ...kept.made }) } : null;
}
