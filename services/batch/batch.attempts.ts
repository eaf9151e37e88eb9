import type { BatchRow, FailedAttempt } from "../../database/store.ts";
import type { AttemptError } from "./batch.contract.ts";

/** A worker's name is the id of its node and of that node's process. */
const nodeOf = (owner: string | null): string => (owner ?? "").replace(/:[^:]*$/, "");

/** The record of a failed attempt, for the move that ends it. */
export const attemptOf = ({ owner }: BatchRow, { code, detail }: AttemptError): FailedAttempt => ({
  node: nodeOf(owner),
  code,
  detail,
});
