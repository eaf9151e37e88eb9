/** What holds for every batch, whichever actor looks at it: what its states mean, and what is told of what went wrong. */
import { type BatchRow, type BatchState, type Due, isFinal, type UploadCommit } from "../database/store.ts";
import type { Decision } from "./policy/policy.contract.ts";

/** Why a batch failed or was rejected. */
export interface BatchError {
  code: string;
  detail: string;
}

/** What operators see of it. Null: nothing went wrong. */
export const errorForOperators = ({ reason }: Pick<BatchRow, "reason">): BatchError | null =>
  reason && "code" in reason ? { code: reason.code, detail: reason.detail } : null;

/**
 * What the partner sees, and whoever hears the batch's events. A handler's own words tell of the inside (names of actions
 * and nodes, addresses, other data): they are for operators. This goes by the code, so it holds for batches of earlier releases too.
 */
export function errorForPartner(batch: Pick<BatchRow, "reason">): BatchError | null {
  const error = errorForOperators(batch);
  return error?.code === "handler-failed" ? { ...error, detail: "The handler failed." } : error;
}

/** A failed batch keeps its body, so that it can be driven again. */
export const keepsBody = (state: BatchState): boolean => state === "failed" || !isFinal(state);

const DAY_MS = 86_400_000;

/** When a batch that ended is deleted, by the policy that it is pinned to. */
export const retentionDue = ({ retentionDays }: { retentionDays: number }): Due => ({ inMs: retentionDays * DAY_MS });

/** A decision that failed is tried again so much later. */
const EVALUATE_AGAIN_MS = 5_000;

type Standing = Pick<UploadCommit, "state" | "due" | "reason">;

/** Where a batch stands by the policy's decision. Null: the policy could not be asked; it is asked again when that is due. */
export function standingAfter(decision: Decision | null): Standing {
  if (!decision) return { state: "received", due: { inMs: EVALUATE_AGAIN_MS }, reason: null };
  if (decision.decision === "ready") return { state: "ready", due: { inMs: 0 }, reason: null };
  const { hold, until } = decision;
  return { state: "held", due: until === null ? null : { at: until }, reason: { hold, until } };
}
