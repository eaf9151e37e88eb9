import { randomUUID } from "node:crypto";
import type { LockStore } from "../../database/locks.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import type { LockOutcome } from "./batchLock.contract.ts";
import type { LockProvider } from "./batchLock.provider.ts";

/** Locks in a table of the database, by its clock. */
export class SqlLocks implements LockProvider {
  private readonly store: LockStore;

  constructor(store: LockStore) {
    this.store = store;
  }

  async acquire(name: string, ttlMs: number): Promise<LockOutcome> {
    const token = randomUUID();
    try {
      const isTaken = await this.store.acquireLock(name, token, ttlMs);
      return isTaken ? { outcome: "acquired", token } : { outcome: "busy" };
    } catch (error) {
      if (isUnavailable(error)) return { outcome: "unavailable" };
      throw error;
    }
  }

  extend(name: string, token: string, ttlMs: number): Promise<boolean> {
    return this.store.extendLock(name, token, ttlMs).catch(() => false);
  }

  release(name: string, token: string): Promise<void> {
    return this.store.releaseLock(name, token).catch(() => {});
  }
}
