import type { LockOutcome } from "./batchLock.contract.ts";

/** A mutex by name with a time to live. All providers behave like this; outcomes are closed. */
export interface LockProvider {
  /** Never throws because its store is away: that is `unavailable`. */
  acquire(name: string, ttlMs: number): Promise<LockOutcome>;
  /** False: it is lost, or nobody can tell. */
  extend(name: string, token: string, ttlMs: number): Promise<boolean>;
  /** Never throws: what cannot be given back ends with its time. */
  release(name: string, token: string): Promise<void>;
}
