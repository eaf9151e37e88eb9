/** The states of a batch. */
export const batchStates = [
  "receiving",
  "received",
  "ready",
  "processing",
  "completed",
  "completed_with_errors",
  "failed",
  "rejected",
  "held",
  "cancelled",
] as const;
export type BatchState = (typeof batchStates)[number];

/** Where a batch ends. (An operator may drive a failed one again.) */
export const finalStates = [
  "completed",
  "completed_with_errors",
  "failed",
  "rejected",
  "cancelled",
] as const satisfies readonly BatchState[];

export const isFinal = (state: BatchState): boolean => (finalStates as readonly BatchState[]).includes(state);

/** Why a batch waits (held) or how it went wrong (failed, rejected). */
export type Reason = { hold: "approval" | "window"; until: number | null } | { code: string; detail: string };

/** `validate`: a pass that only checks, before anything is delivered (onInvalid: rejectBatch). */
export type Phase = "validate" | "deliver";
