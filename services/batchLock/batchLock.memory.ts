import { randomUUID } from "node:crypto";
import type { LockOutcome } from "./batchLock.contract.ts";
import type { LockProvider, Names } from "./batchLock.provider.ts";

/** Locks within this process: as strong as a table, if one process owns the whole database file. */
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
