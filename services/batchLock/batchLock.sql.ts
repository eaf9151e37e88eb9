import { randomUUID } from "node:crypto";
import type { LockStore } from "../../database/store.deliveries.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import type { LockOutcome } from "./batchLock.contract.ts";
import type { LockProvider, Names } from "./batchLock.provider.ts";

/** Locks in a table of the database. They expire by the database's clock. */
export class SqlLocks implements LockProvider {
  private readonly store: LockStore;

  constructor(store: LockStore) {
    this.store = store;
  }

  /** Acquires several locks one after the other. If one is held, the earlier ones are released. */
  async acquire(names: Names, ttlMs: number): Promise<LockOutcome> {
    const token = randomUUID();
    const taken: string[] = [];
    try {
      for (const name of [names].flat()) {
        if (!(await this.store.acquireLock(name, token, ttlMs))) {
          await this.release(taken, token);
          return { outcome: "busy" };
        }
        taken.push(name);
      }
      return { outcome: "acquired", token };
    } catch (error) {
      if (isUnavailable(error)) return { outcome: "unavailable" };
      throw error;
    }
  }

  async extend(names: Names, token: string, ttlMs: number): Promise<boolean> {
    const extended = [names].flat().map((name) => this.store.extendLock(name, token, ttlMs));
    return (await Promise.all(extended).catch(() => [false])).every((isHeld) => isHeld);
  }

  async release(names: Names, token: string): Promise<void> {
    await Promise.all([names].flat().map((name) => this.store.releaseLock(name, token).catch(() => {})));
  }
}
