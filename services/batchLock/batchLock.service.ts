/**
 * The mutex of a batch. A worker takes it between choosing and claiming, so that many workers do not try the same row.
 * It is not trusted: the fence in the batch row decides. A lock that is lost or unavailable stops nobody.
 */
import type { Service } from "moleculer";
import { configOf } from "../../config.ts";
import { define } from "../../mixins/define.ts";
import { serve } from "../messages.ts";
import { type LockProvider, MemoryLocks } from "./batchLock.memory.ts";

type BatchLock = Service & { locks: LockProvider; ttlMs: number };

const nameOf = (batchId: string) => `lock:batch:${batchId}`;

export default define<BatchLock>({
  name: "batchLock",

  created(this: BatchLock) {
    this.locks = new MemoryLocks();
    this.ttlMs = configOf(this.broker).redisLockTimeoutMs;
  },

  actions: serve<BatchLock, "batchLock">("batchLock", {
    acquire(ctx) {
      return this.locks.acquire(nameOf(ctx.params.batchId), this.ttlMs);
    },
    extend(ctx) {
      return this.locks.extend(nameOf(ctx.params.batchId), ctx.params.token, this.ttlMs);
    },
    release(ctx) {
      return this.locks.release(nameOf(ctx.params.batchId), ctx.params.token);
    },
  }),
});
