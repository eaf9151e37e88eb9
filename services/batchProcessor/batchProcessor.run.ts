import type { Context, Span } from "../../lib/trace/trace.ts";
import type { BatchRow, StoredChunk } from "../batch/batch.domain.ts";
import type { Outcome } from "../batch/batch.outcome.domain.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { GroupCommits } from "./batchProcessor.group.ts";
import type { SeenKeys } from "./batchProcessor.seen.ts";
import type { Checked } from "./batchProcessor.unique.ts";

/** The span of a run, and the context of what is done in it. */
export interface RunTrace {
  span: Span;
  context: Context;
}

/** The record of a run: the state that its steps share. Each step reads it and adds its result. */
export interface Run {
  /** The batch after the last commit that was sent, even if its result is not known yet. */
  batch: BatchRow;
  /** The version that the batch was accepted under. */
  readonly policy: Policy;
  /** What its unique keys belong to beside the client, where it is of a dataset. */
  readonly scope?: string;
  readonly clientPublicId: string;
  readonly clientIdentifier: string;
  /** The lock of the run. Null: no lock was available, so the fence decides. */
  readonly lock: { giveBack(): Promise<void> } | null;
  /** The group whose commits it shares. Null: the batch runs alone. */
  readonly group: GroupCommits | null;
  readonly beganAt: number;
  /** Its span. Null: nobody takes spans. */
  readonly trace: RunTrace | null;
  /** Aborts when the batch is no longer ours, when the node can wait no longer, and when the run is over. */
  readonly stop: AbortController;
  /** The chunk that comes next: it is read and checked while the one before it commits. */
  ahead: Promise<Checked> | null;
  /** The chunk after that one. Its bytes are requested early, because SQLite answers only between two commits. */
  behind: { no: number; chunk: Promise<StoredChunk | null> } | null;
  /** The commit that was sent last, and the batch as of the one before it. Null: its result is known. */
  sent: { after: Promise<BatchRow | null>; before: BatchRow } | null;
  /** Whether the run has also claimed the batch in the database of its table, if that is another database. */
  hasEntered: boolean;
  /** Keys of the batch's records to which later ones may refer. Null: no references are looked for yet. */
  seen: SeenKeys | null;
  /** The current chunk. Null: the last chunk is committed, and only the end of the batch remains. */
  chunk: Checked | null;
  /** When the current chunk was asked for. */
  chunkBeganAt: number;
  /** The outcome. Null: the run continues. */
  outcome: Outcome | null;
}

/** No attempt: the batch goes on elsewhere, or here, as soon as it is chosen again. */
export const handBack = { outcome: "snooze", delayMs: 0 } as const satisfies Outcome;

/** Why runs are aborted at the end of the node's patience. */
export const NODE_STOPS = "the node stops";

export const isAborted = ({ stop }: Run): boolean => stop.signal.aborted;

/** The outcome of an aborted run. A batch that our own stop interrupted is still ours, so it is handed back. */
export function abortedOutcome({ stop }: Run): Outcome {
  const { reason } = stop.signal;
  return reason === NODE_STOPS ? handBack : { outcome: "lost", detail: String(reason) };
}
