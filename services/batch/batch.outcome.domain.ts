/** How a run of a batch ends. */

/** Why an attempt failed: the error code of a failed batch, or `internal` for a defect. */
export interface AttemptError {
  code: string;
  detail: string;
}

/**
 * The outcomes of a run: one closed set, from a handler's answer to what `batch.settle` writes.
 * A handler's throw is `retry`.
 */
export type Outcome =
  /** The last commit has ended the batch. Nothing is left to write. */
  | { outcome: "done" }
  /**
   * The batch goes on after `delayMs`, and this is not an attempt: the node stops, another client waits, the handler asks for time, or
   * the handler is away (`awaits` is its name). `waits`: the reason that operators see.
   */
  | { outcome: "snooze"; delayMs: number; detail?: string; awaits?: string; waits?: string }
  /** An attempt that failed. Another one follows after `delayMs`, or the policy's backoff; after `maxAttempts` the batch fails. */
  | ({ outcome: "retry"; delayMs?: number } & AttemptError)
  | { outcome: "cancel" }
  /**
   * The batch was checked before its approval. It is held for an operator, or delivered if no limit of `approveWhen` is exceeded.
   */
  | { outcome: "reviewed" }
  | ({ outcome: "fail" } & AttemptError)
  /** The batch belongs to another worker, or its owner is unknown. Nothing is written. */
  | { outcome: "lost"; detail: string };

/** The outcomes that change the batch's row. */
export type Settlement = Exclude<Outcome, { outcome: "done" | "lost" }>;
