/**
 * Whether and how a batch ends: after its last chunk, because of too many errors, or because its policy delivers all records or none.
 */

import type { WorkerCommit } from "../batch/batch.contract.ts";
import { type BatchRow, isCheckOnly } from "../batch/batch.domain.ts";
import type { Policy } from "../policy/policy.contract.ts";
import { tableOf } from "./batchProcessor.tables.ts";

/** The batch's place after the current chunk, and whether the batch ends there. `rejected` includes the rejected records of this chunk. */
export function whatFollows(
  batch: BatchRow,
  policy: Policy,
  { rejected }: Pick<BatchRow, "rejected">,
): Pick<WorkerCommit, "next" | "end"> {
  const { maxErrors } = policy;
  const isLast = batch.nextChunk + 1 >= batch.chunks;
  const onward = { phase: batch.phase, chunk: batch.nextChunk + 1 };
  const since = rejectedThatCount({ ...batch, rejected }, policy);
  if (maxErrors !== null && since > maxErrors) return { next: onward, end: tooManyErrors(since, maxErrors) };
  if (!isLast) return { next: onward, end: null };
  if (batch.phase === "deliver") return { next: onward, end: completed(rejected) };
  if (rejected > 0 && policy.onInvalid === "rejectBatch") return { next: onward, end: invalidRecords(rejected) };
  if (batch.phase === "check") return { next: onward, end: validated };
  // The run then ends with the outcome `reviewed`.
  if (batch.phase === "review") return { next: onward, end: null };
  return { next: { phase: "deliver", chunk: 0 }, end: null };
}

const tooManyErrors = (rejected: number, maxErrors: number) =>
  failed("too-many-errors", `${rejected} records are invalid, ${maxErrors} are allowed.`);
const invalidRecords = (rejected: number) =>
  failed("invalid-records", `${rejected} records are invalid; none was delivered.`);
const validated: WorkerCommit["end"] = { state: "validated", error: null };
const failed = (code: string, detail: string): WorkerCommit["end"] => ({ state: "failed", error: { code, detail } });
const completed = (rejected: number): WorkerCommit["end"] => ({
  state: rejected > 0 ? "completed_with_errors" : "completed",
  error: null,
});

/**
 * How many rejected records count against the policy's limits. If they go into a table, those before a redrive do not count, because an
 * operator has repaired the table since.
 */
const rejectedThatCount = (
  { rejected, rejectedBefore }: Pick<BatchRow, "rejected" | "rejectedBefore">,
  policy: Policy,
) => (tableOf(policy) === null ? rejected : rejected - (rejectedBefore ?? 0));

/** Whether only the end of the batch is left to commit. */
export const isAtEnd = (batch: BatchRow, policy: Policy): boolean =>
  batch.nextChunk >= batch.chunks || hasTooManyErrors(batch, policy) || isBroken(batch, policy);

const hasTooManyErrors = (batch: BatchRow, policy: Policy): boolean =>
  (isCheckOnly(batch.phase) ||
    (batch.phase === "deliver" && (policy.uniqueKey !== null || tableOf(policy) !== null))) &&
  policy.maxErrors !== null &&
  rejectedThatCount(batch, policy) > policy.maxErrors &&
  batch.nextChunk > 0;

/**
 * Whether records were rejected of a batch whose policy delivers all or none: its table rejected them after the check had passed, or the
 * check has ended with rejected records.
 */
const isBroken = (batch: BatchRow, policy: Policy): boolean =>
  (isCheckOnly(batch.phase)
    ? batch.nextChunk >= batch.chunks
    : batch.phase === "deliver" && tableOf(policy) !== null) &&
  policy.onInvalid === "rejectBatch" &&
  rejectedThatCount(batch, policy) > 0 &&
  batch.nextChunk > 0;

/** A commit that only ends the batch: after the last chunk, or after a chunk with too many errors. */
export function endCommit(batch: BatchRow, policy: Policy): WorkerCommit {
  const { nextChunk, phase, rejected } = batch;
  const failure = failureOf(batch, policy);
  return {
    chunk: nextChunk,
    firstRecord: 1,
    records: 0,
    text: new Uint8Array(),
    errors: [],
    unlisted: [],
    counts: { accepted: 0, rejected: 0, duplicate: 0 },
    next: { phase, chunk: failure ? nextChunk : nextChunk + 1 },
    end: failure ?? (phase === "check" ? validated : completed(rejected)),
  };
}

/** Whether the check before an approval has covered the whole batch, and found nothing that ends the batch. */
export const isReviewed = (batch: BatchRow, policy: Policy): boolean =>
  batch.phase === "review" && batch.nextChunk >= batch.chunks && failureOf(batch, policy) === null;

function failureOf(batch: BatchRow, policy: Policy): WorkerCommit["end"] {
  const { accepted, rejected } = batch;
  if (hasTooManyErrors(batch, policy))
    return tooManyErrors(rejectedThatCount(batch, policy), policy.maxErrors as number);
  if (!isBroken(batch, policy)) return null;
  if (isCheckOnly(batch.phase)) return invalidRecords(rejected);
  return failed("invalid-records", `The table refused ${rejected} records; ${accepted} were delivered.`);
}
