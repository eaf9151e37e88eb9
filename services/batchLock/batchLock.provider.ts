import { randomUUID } from "node:crypto";
import type { LockOutcome } from "./batchLock.contract.ts";

/** One lock, or several that are acquired, extended and released as one: all of them, or none. */
export type Names = string | readonly string[];

/** A mutex by name, with a time to live. All providers behave like this. */
export interface LockProvider {
  /** Acquires locks. It does not throw while its store is away: the outcome is then `unavailable`. */
  acquire(names: Names, ttlMs: number): Promise<LockOutcome>;
  /** False: it (or one of several) is lost, or the provider is away. */
  extend(names: Names, token: string, ttlMs: number): Promise<boolean>;
  /** Never throws: a lock that cannot be released expires. */
  release(names: Names, token: string): Promise<void>;
}

/** Locks within this process. If one process owns the whole database file, they are as strong as a table. */
export class MemoryLocks implements LockProvider {
  private readonly held = new Map<string, { token: string; until: number }>();

  async acquire(names: Names, ttlMs: number): Promise<LockOutcome> {
    const now = performance.now();
    const all = [names].flat();
    if (all.some((name) => (this.held.get(name)?.until ?? 0) > now)) return { outcome: "busy" };
    const token = randomUUID();
    for (const name of all) this.held.set(name, { token, until: now + ttlMs });
    return { outcome: "acquired", token };
  }

  async extend(names: Names, token: string, ttlMs: number): Promise<boolean> {
    const now = performance.now();
    const holders = [names].flat().map((name) => this.held.get(name));
    if (holders.some((holder) => holder?.token !== token || holder.until <= now)) return false;
    for (const holder of holders) if (holder) holder.until = now + ttlMs;
    return true;
  }

  async release(names: Names, token: string): Promise<void> {
    for (const name of [names].flat()) if (this.held.get(name)?.token === token) this.held.delete(name);
  }
}
