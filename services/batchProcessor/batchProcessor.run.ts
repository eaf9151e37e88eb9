import type { Context, Span } from "../../lib/trace/trace.ts";
import type { BatchRow, StoredChunk } from "../batch/batch.domain.ts";
import type { Outcome } from "../batch/batch.outcome.domain.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { GroupCommits } from "./batchProcessor.group.ts";
import type { SeenKeys } from "./batchProcessor.seen.ts";
import type { Checked } from "./batchProcessor.unique.ts";

/** The span of a run, and the trace context of its work. */
export interface RunTrace {
  span: Span;
  context: Context;
}

/** The record of a run: the state that its steps share. Each step reads it and adds its result. */
export interface Run {
  /** The batch after the last commit that was sent, even if its result is not known yet. */
  batch: BatchRow;
  /** The version of the policy under which the batch was accepted. */
  readonly policy: Policy;
  /** The scope of the batch's unique keys within the client: its dataset. Omitted: the client's own policy. */
  readonly scope?: string;
  readonly clientPublicId: string;
  readonly clientIdentifier: string;
  /** The lock of the run. Null: no lock was available, so the fence decides. */
  readonly lock: { giveBack(): Promise<void> } | null;
  /** The group whose commits this run shares. Null: the batch runs alone. */
  readonly group: GroupCommits | null;
  readonly beganAt: number;
  /** The span of the run. Null: the node sends no spans. */
  readonly trace: RunTrace | null;
  /** Aborts when the batch is no longer this worker's, when the time for a shutdown is over, or when the run ends. */
  readonly stop: AbortController;
  /** The next chunk, which is read and checked while the current one commits. */
  ahead: Promise<Checked> | null;
  /** The chunk after the next one. Its bytes are requested early, because SQLite answers only between two commits. */
  behind: { no: number; chunk: Promise<StoredChunk | null> } | null;
  /** The commit that was sent last, and the batch as of the one before it. Null: its result is known. */
  sent: { after: Promise<BatchRow | null>; before: BatchRow } | null;
  /** Whether the run has also claimed the batch in the database of its table, if that is another database. */
  hasEntered: boolean;
  /** Keys of the batch's records to which later records may refer. Null: no references are checked yet. */
  seen: SeenKeys | null;
  /** The current chunk. Null: the last chunk is committed, and only the end of the batch remains. */
  chunk: Checked | null;
  /** When the current chunk was requested. */
  chunkBeganAt: number;
  /** The outcome. Null: the run continues. */
  outcome: Outcome | null;
}

/** An outcome that is not an attempt: any worker, also this one, may claim the batch again at once. */
export const handBack = { outcome: "snooze", delayMs: 0 } as const satisfies Outcome;

/** The reason for aborting runs when the time for a shutdown is over. */
export const NODE_STOPS = "the node stops";

export const isAborted = ({ stop }: Run): boolean => stop.signal.aborted;

/** The outcome of an aborted run. If this node's own shutdown has aborted it, the batch is still this worker's, so it is handed back. */
export function abortedOutcome({ stop }: Run): Outcome {
  const { reason } = stop.signal;
  return reason === NODE_STOPS ? handBack : { outcome: "lost", detail: String(reason) };
}
