/** The steps of a run in the database: the claim, each chunk's commit, and the end by the last one. */

import { TableFailure } from "../../database/errors.ts";
import type { TablePlan } from "../../database/targets/target.ts";
import type { TraceHeaders } from "../../lib/trace/trace.ts";
import { bodyKeptMs, endedDue, keepsBody, logOf, retentionDue } from "../batches.ts";
import type { ParamsOf } from "../messages.ts";
import type { Claim, WorkerCommit } from "./batch.contract.ts";
import { type BatchRow, type Claimed, nodeOf } from "./batch.domain.ts";
import type { Entered } from "./batch.elsewhere.ts";
import { announced, type BatchParts, chunkTold, refused, stepTold } from "./batch.parts.ts";
import { settle } from "./batch.settle.ts";
import type { ChunkCommit, Written } from "./batch.writes.domain.ts";

/** The most chunks that a last commit deletes. `retention` deletes the chunks of longer batches, so that the commit stays short. */
const PURGED_AT_END = 16;

/**
 * Claims a batch. Null: another worker was faster, the client has no free place, or the batch's policy is gone and the batch has
 * failed.
 */
export async function claim(parts: BatchParts, { id, owner }: ParamsOf<"batch.claim">): Promise<Claim | null> {
  const claimed = await parts.store.claim(id, owner, parts.leaseMs);
  return claimed && begun(parts, claimed);
}

/** Adds to a claim what its run needs. Null: the batch's policy is gone, so the batch has failed. */
export async function begun(parts: BatchParts, claimed: Claimed): Promise<Claim | null> {
  const { batch } = claimed;
  parts.figures.claimed(batch);
  const { nextChunk: chunk, attempt, phase } = batch;
  stepTold(parts, batch, "The batch is claimed.", { worker: nodeOf(batch.owner), chunk, attempt, phase });
  parts.announce({ batch, outbox: [] });
  const { isGone, ...pinned } = await parts.pinned.of(batch);
  if (!isGone) return { ...claimed, ...pinned };
  await settle(parts, batch, policyGone(batch));
  return null;
}

/**
 * There is no retry, because a deleted version does not come back. Another version could reject records that this one accepts,
 * or the reverse.
 */
const policyGone = ({ policyVersion }: BatchRow) =>
  ({
    outcome: "fail",
    code: "policy-gone",
    detail: `Version ${policyVersion} of the policy, which the batch was accepted under, is gone. Send the content again.`,
  }) as const;

/** Enters the batch in its table's database. Null: the batch is no longer the worker's. */
export async function enterTable(parts: BatchParts, batch: BatchRow): Promise<Entered | null> {
  const entered = await counted(parts, parts.elsewhere.enter(batch));
  if (!entered) await refused(parts, batch, "commit");
  return entered;
}

/** Commits a chunk. Null: the batch is no longer the worker's, and nothing was written. */
export async function commitChunk(
  parts: BatchParts,
  { batch, commit }: ParamsOf<"batch.commitChunk">,
): Promise<BatchRow | null> {
  const written = await counted(parts, storedCommit(parts, batch, await chunkCommitOf(parts, batch, commit)));
  // The records of a check before an approval are counted when they are delivered.
  if (written && batch.phase !== "review") parts.figures.committed(batch, written.batch);
  if (written && commit.table) tableWritten(parts, commit.table.plan, batch, written);
  if (written) chunkTold(parts, batch, written.batch);
  else await refused(parts, batch, "commit");
  return announced(parts, written);
}

/** Counts failures of the table in the metrics. */
async function counted<T>({ figures }: BatchParts, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TableFailure) figures.tableFailed(error);
    throw error;
  }
}

const storedCommit = (
  { store, elsewhere }: BatchParts,
  batch: BatchRow,
  commit: ChunkCommit,
): Promise<Written | null> =>
  commit.table && commit.table.plan.table.database !== null
    ? elsewhere.commit(batch, commit)
    : store.commitChunk(commit);

/** Counts the rows, and logs why some were refused. The log has only the server's codes, because its texts show values. */
function tableWritten({ figures, logger }: BatchParts, plan: TablePlan, batch: BatchRow, written: Written): void {
  figures.tableWritten(plan, batch, written);
  const reasons = (written.table?.refused ?? []).map(({ code, state, constraint, column, rows }) =>
    [`${rows} × ${code}`, state, constraint, column].filter((part) => part !== null).join(" "),
  );
  if (reasons.length > 0)
    logOf(logger, batch).info(`Chunk ${batch.nextChunk}: the table refused ${reasons.join("; ")}.`);
}

/** A worker's commit in the form of the store: with the fence, and with the end's state, deadline and events. */
export async function chunkCommitOf(parts: BatchParts, batch: BatchRow, commit: WorkerCommit): Promise<ChunkCommit> {
  const { trace, ...rest } = commit;
  const end = commit.end && (await endOf(parts, batch, commit, trace));
  return { ...rest, id: batch.id, fence: batch.fence, leaseMs: parts.leaseMs, end };
}

/** How the last commit ends the batch: its state, whether its body is deleted, and its events. */
async function endOf(parts: BatchParts, batch: BatchRow, commit: WorkerCommit, trace?: TraceHeaders) {
  const { state, error } = commit.end as NonNullable<typeof commit.end>;
  const after: BatchRow = {
    ...batch,
    state,
    reason: error,
    accepted: batch.accepted + commit.counts.accepted,
    rejected: batch.rejected + commit.counts.rejected,
    duplicate: batch.duplicate + commit.counts.duplicate,
    unlisted: batch.unlisted + commit.unlisted.length,
    version: batch.version + 1,
  };
  const { policy } = await parts.pinned.of(batch);
  const purge = !keepsBody(state) && bodyKeptMs(policy, after) === 0 && batch.chunks <= PURGED_AT_END;
  const due = purge ? retentionDue(policy) : endedDue(policy, after);
  return { state, reason: error, due, purge, events: await parts.events.completed(after, trace) };
}
