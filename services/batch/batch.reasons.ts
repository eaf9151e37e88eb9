import type { BatchRow } from "../../database/store.ts";

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
