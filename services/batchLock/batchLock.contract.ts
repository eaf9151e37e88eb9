import { action, typed } from "../declare.ts";

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
export interface LockedClaim {
  batchId: string;
  fence: number;
}
const claim = { batchId: { type: "string" }, fence: { type: "number" } } as const;
const token = { token: { type: "string" } } as const;
const claims = { claims: typed<LockedClaim[]>({ type: "array", min: 1, items: { type: "object", props: claim } }) };

/** The connections to Redis and to the database bound the time of these calls. */
const boundByItself = { timeout: 0 };

export const batchLockActions = {
  /** Takes the mutex of a claim for the lock's TTL. It saves contention and decides nothing. */
  acquire: action(claim, boundByItself).answers<LockOutcome>(),
  /** Prolongs a held lock by its TTL; false: it is lost. */
  extend: action({ ...claim, ...token }, boundByItself).answers<boolean>(),
  /** Gives a held lock back; of a lost one nothing happens. */
  release: action({ ...claim, ...token }, boundByItself).answers<void>(),
  /** The same for the claims of a group, under one token: all of them, or none where one is held by another. */
  acquireAll: action(claims, boundByItself).answers<LockOutcome>(),
  /** False: one of them is lost. */
  extendAll: action({ ...claims, ...token }, boundByItself).answers<boolean>(),
  releaseAll: action({ ...claims, ...token }, boundByItself).answers<void>(),
  /** Of this node. */
  status: action({}).answers<LockStatus>(),
};
