import type { LockOutcome } from "./batchLock.contract.ts";

/** One lock, or several that are taken, kept and given back as one: all of them, or none. */
export type Names = string | readonly string[];

/** A mutex by name with a time to live. All providers behave like this; outcomes are closed. */
export interface LockProvider {
  /** Never throws because its store is away: that is `unavailable`. */
  acquire(names: Names, ttlMs: number): Promise<LockOutcome>;
  /** False: it (or one of several) is lost, or nobody can tell. */
  extend(names: Names, token: string, ttlMs: number): Promise<boolean>;
  /** Never throws: what cannot be given back ends with its time. */
  release(names: Names, token: string): Promise<void>;
}
