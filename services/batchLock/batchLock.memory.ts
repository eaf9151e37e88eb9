import { randomUUID } from "node:crypto";
import type { LockOutcome } from "./batchLock.contract.ts";
import type { LockProvider } from "./batchLock.provider.ts";

/** Locks within this process: as strong as a table where one process owns the whole database file. */
export class MemoryLocks implements LockProvider {
  private readonly held = new Map<string, { token: string; until: number }>();

  async acquire(name: string, ttlMs: number): Promise<LockOutcome> {
    const now = performance.now();
    const holder = this.held.get(name);
    if (holder && holder.until > now) return { outcome: "busy" };
    const token = randomUUID();
    this.held.set(name, { token, until: now + ttlMs });
    return { outcome: "acquired", token };
  }

  async extend(name: string, token: string, ttlMs: number): Promise<boolean> {
    const holder = this.held.get(name);
    const now = performance.now();
    if (holder?.token !== token || holder.until <= now) return false;
    holder.until = now + ttlMs;
    return true;
  }

  async release(name: string, token: string): Promise<void> {
    if (this.held.get(name)?.token === token) this.held.delete(name);
  }
}
