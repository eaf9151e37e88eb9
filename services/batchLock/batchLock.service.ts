/**
 * The mutex of a batch. A worker takes it between choosing and claiming, so that many workers do not try the same row.
 * It is not trusted: the fence in the batch row decides. A lock that is lost or unavailable stops nobody.
 */
import type { Service } from "moleculer";
import { configOf } from "../../config.ts";
import { define } from "../../mixins/define.ts";
import { type Counter, counter } from "../../mixins/figures.ts";
import { serve } from "../messages.ts";
import { type LockProvider, MemoryLocks } from "./batchLock.memory.ts";

type Outcome = "acquired" | "busy" | "unavailable" | "lost";
type BatchLock = Service & { locks: LockProvider; ttlMs: number; outcomes: Counter<Outcome> };

const outcomes = { name: "dataflow_locks_total", help: "Batch locks by what came of them." };

const nameOf = (batchId: string) => `lock:batch:${batchId}`;

export default define<BatchLock>({
  name: "batchLock",

  created(this: BatchLock) {
    this.locks = new MemoryLocks();
    this.ttlMs = configOf(this.broker).redisLockTimeoutMs;
    this.outcomes = counter(this.broker, outcomes, "outcome", ["acquired", "busy", "unavailable", "lost"]);
  },

  actions: serve<BatchLock, "batchLock">("batchLock", {
    async acquire(ctx) {
      const lock = await this.locks.acquire(nameOf(ctx.params.batchId), this.ttlMs);
      this.outcomes.add(lock.outcome);
      return lock;
    },
    async extend(ctx) {
      const isHeld = await this.locks.extend(nameOf(ctx.params.batchId), ctx.params.token, this.ttlMs);
      if (!isHeld) this.outcomes.add("lost");
      return isHeld;
    },
    release(ctx) {
      return this.locks.release(nameOf(ctx.params.batchId), ctx.params.token);
    },
  }),
});
