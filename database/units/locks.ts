/** Named locks. One statement both checks and takes a lock, so two callers cannot both get it. */

import { batchLock } from "../schema/tables.ts";
import type { LockStore } from "../store.deliveries.ts";
import { remove, update, upsert } from "./steps.ts";
import type { Units } from "./unit.ts";

const LOCK = { name: "name", token: "name" } as const;

export function locks(on: Units): LockStore {
  // If several callers come at once, one inserts. The others wait for its commit, and then see that the lock has not expired.
  const acquire = on.unit({ ...LOCK, ttlMs: "bigint" }, () => [
    upsert(batchLock, {
      key: ["name"],
      values: { name: ":name", token: ":token", expires_at: ":now + :ttlMs" },
      update: ["token", "expires_at"],
      where: "batch_lock.expires_at <= :now",
    }),
  ]);
  const extend = on.unit({ ...LOCK, ttlMs: "bigint" }, () => [
    update(batchLock, {
      set: "expires_at = :now + :ttlMs",
      where: "name = :name AND token = :token AND expires_at > :now",
    }),
  ]);
  const release = on.unit(LOCK, () => [remove(batchLock, { where: "name = :name AND token = :token" })]);
  const forget = on.unit({}, () => [remove(batchLock, { where: "expires_at <= :now" })]);
  return {
    acquireLock: async (name, token, ttlMs) => (await acquire.changed({ name, token, ttlMs })) > 0,
    extendLock: async (name, token, ttlMs) => (await extend.changed({ name, token, ttlMs })) > 0,
    releaseLock: async (name, token) => void (await release.changed({ name, token })),
    forgetLocks: async () => void (await forget.changed({})),
  };
}
