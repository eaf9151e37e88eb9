import type { BatchRow, Outcome } from "../batch/batch.contract.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { Checked } from "./batchProcessor.checked.ts";
import type { GroupCommits } from "./batchProcessor.group.ts";

/** The record of a run: what its steps know of the batch that they work at. Each step reads it and adds what it found out. */
export interface Run {
  /** As of the last commit. */
  batch: BatchRow;
  /** The version that the batch was accepted under. */
  readonly policy: Policy;
  readonly clientPublicId: string;
  /** Null: no lock could be had. The fence decides. */
  readonly lock: { giveBack(): Promise<void> } | null;
  /** With whom its commits go together. Null: it is alone. */
  readonly group: GroupCommits | null;
  readonly beganAt: number;
  /** Aborts where the batch is no longer ours, or the node can wait no longer; and when the run is over. */
  readonly stop: AbortController;
  /** The chunk where the batch stands: it is read and checked while the one before it commits. */
  ahead: Promise<Checked> | null;
  /** The chunk at hand. Null: the last one is committed, and the batch's end is left. */
  chunk: Checked | null;
  /** How the run came out. Null: it goes on. */
  outcome: Outcome | null;
}

/** No attempt: the batch goes on elsewhere, or here, as soon as it is chosen again. */
export const handBack = { outcome: "snooze", delayMs: 0 } as const satisfies Outcome;

/** Why runs are aborted at the end of the node's patience. */
export const NODE_STOPS = "the node stops";

export const isAborted = ({ stop }: Run): boolean => stop.signal.aborted;

/** How an aborted run comes out. What our own stop has cut short is still ours to hand back. */
export function abortedOutcome({ stop }: Run): Outcome {
  const { reason } = stop.signal;
  return reason === NODE_STOPS ? handBack : { outcome: "lost", detail: String(reason) };
}
