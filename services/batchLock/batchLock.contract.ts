import { action, typed } from "../declare.ts";

/** `busy`: another worker holds it. `unavailable`: the provider is away; go on without a lock (the fence decides). */
export type LockOutcome = { outcome: "acquired"; token: string } | { outcome: "busy" } | { outcome: "unavailable" };

export interface LockStatus {
  provider: "redis" | "sql";
  /** How often a lock was acquired, was held by another worker, came from the fallback, or was unavailable. */
  acquired: number;
  busy: number;
  fallbacks: number;
  unavailable: number;
}

/** The claim that the lock is for: the batch, and its fence before the claim. */
export interface LockedClaim {
  batchId: string;
  fence: number;
}
const claim = { batchId: { type: "string" }, fence: { type: "number" } } as const;
const token = { token: { type: "string" } } as const;
const claims = { claims: typed<LockedClaim[]>({ type: "array", min: 1, items: { type: "object", props: claim } }) };

/** No timer: the connections to Redis and to the database already limit the time of these calls. */
const boundByItself = { timeout: 0 };

export const batchLockActions = {
  /** Acquires the lock of a claim for its TTL. It only saves contention; the fence decides. */
  acquire: action(claim, boundByItself).answers<LockOutcome>(),
  /** Extends a held lock by its TTL; false: it is lost. */
  extend: action({ ...claim, ...token }, boundByItself).answers<boolean>(),
  /** Releases a held lock. Releasing a lost one does nothing. */
  release: action({ ...claim, ...token }, boundByItself).answers<void>(),
  /** Acquires the locks of a group under one token: all of them, or none if another worker holds one. */
  acquireAll: action(claims, boundByItself).answers<LockOutcome>(),
  /** Extends the locks of a group; false: one of them is lost. */
  extendAll: action({ ...claims, ...token }, boundByItself).answers<boolean>(),
  releaseAll: action({ ...claims, ...token }, boundByItself).answers<void>(),
  /** The status of this node. */
  status: action({}).answers<LockStatus>(),
};
