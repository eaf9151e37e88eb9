import type { BatchRow, FailedAttempt } from "../../database/store.ts";
import type { AttemptError } from "./batch.contract.ts";

/** A worker's name is that of its node, and which of the node's runs it is. */
const nodeOf = (owner: string | null): string => (owner ?? "").replace(/:[^:]*$/, "");

/** The attempt that the batch's worker, whose move to another state this is, has made in vain. */
export const attemptOf = ({ owner }: BatchRow, { code, detail }: AttemptError): FailedAttempt => ({
  node: nodeOf(owner),
  code,
  detail,
});
