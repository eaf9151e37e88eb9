import { action } from "../declare.ts";

/** `busy`: another holds it. `unavailable`: the provider cannot tell; go on without (the fence decides). */
export type LockOutcome = { outcome: "acquired"; token: string } | { outcome: "busy" } | { outcome: "unavailable" };

export interface LockStatus {
  provider: "redis" | "sql";
  /** How often a lock was got, was held by another, came from the fallback, or could not be had at all. */
  acquired: number;
  busy: number;
  fallbacks: number;
  unavailable: number;
}

/** Of which claim: the batch, and its fence before that. */
const claim = { batchId: { type: "string" }, fence: { type: "number" } } as const;

/** By the connection to Redis, and by the database's own. */
const boundByItself = { timeout: 0 };

export const batchLockActions = {
  /** Takes the mutex of a claim for the lock's TTL. It saves contention and decides nothing. */
  "batchLock.acquire": action(claim, boundByItself).answers<LockOutcome>(),
  /** Prolongs a held lock by its TTL; false: it is lost. */
  "batchLock.extend": action({ ...claim, token: { type: "string" } }, boundByItself).answers<boolean>(),
  /** Gives a held lock back; of a lost one nothing happens. */
  "batchLock.release": action({ ...claim, token: { type: "string" } }, boundByItself).answers<void>(),
  /** Of this node. */
  "batchLock.status": action({}).answers<LockStatus>(),
};
