/**
 * The mutex of a batch. A worker takes it between choosing and claiming, so that many workers do not try the same row.
 * It is not trusted: the fence in the batch row decides. A lock that is lost or unavailable stops nobody, and the fence is
 * part of its name: of a batch that was taken from a dead worker the lock is another, so nobody waits for the old one to
 * lapse. It is kept by a quorum of Redis nodes or in the database, by BATCH_LOCK_PROVIDER; while Redis is away BATCH_LOCK_FALLBACK serves.
 */
import { configOf } from "../../config/config.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import { type Counter, counter, readWhenAsked } from "../../lib/metrics/figures.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { acquireLink, releaseLink, untilLinksUp } from "../../mixins/redis.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { defineActor } from "../define.ts";
import { LocksWithFallback } from "./batchLock.fallback.ts";
import { MemoryLocks } from "./batchLock.memory.ts";
import type { Names } from "./batchLock.provider.ts";
import { RedisLocks } from "./batchLock.redis.ts";
import { SqlLocks } from "./batchLock.sql.ts";

type Outcome = "acquired" | "busy" | "unavailable" | "lost";
interface State {
  /** From `started` on. */
  locks: LocksWithFallback;
  ttlMs: number;
  outcomes: Counter<Outcome>;
  /** The Redis nodes that were opened. */
  nodes: readonly string[];
}

const outcomes = { name: "dataflow_locks_total", help: "Batch locks by what came of them." };
const fallbacks = { name: "dataflow_lock_fallbacks_total", help: "Locks asked of the fallback, for Redis was away." };

const nameOf = ({ batchId, fence }: { batchId: string; fence: number }) => `lock:batch:${batchId}:${fence}`;

export default defineActor({
  name: "batchLock",
  mixins: [databaseMixin, scheduleMixin],
  state: fields<State>(),

  created() {
    this.ttlMs = configOf(this.broker).redisLockTimeoutMs;
    this.outcomes = counter(this.broker, outcomes, "outcome", ["acquired", "busy", "unavailable", "lost"]);
    this.nodes = [];
    readWhenAsked(this.broker, { ...fallbacks, type: "counter" }, () => [
      { value: this.locks?.figures.fallbacks ?? 0 },
    ]);
  },

  methods: {
    async acquire(names: Names) {
      const lock = await this.locks.acquire(names, this.ttlMs);
      this.outcomes.add(lock.outcome, [names].flat().length);
      return lock;
    },
    async extend(names: Names, token: string) {
      const isHeld = await this.locks.extend(names, token, this.ttlMs);
      if (!isHeld) this.outcomes.add("lost");
      return isHeld;
    },

    /** A database that is away is told of elsewhere. */
    async forgetLocks() {
      await this.database.locks.forgetLocks().catch((error: unknown) => {
        if (!isUnavailable(error)) throw error;
      });
    },

    async redisLocks() {
      this.nodes = configOf(this.broker).redisLockNodes;
      const links = this.nodes.map((url) => acquireLink(this.broker, url));
      await untilLinksUp(this.broker, links);
      return new RedisLocks(links);
    },

    /** Where one process owns the whole database file, its memory is as strong as a table, and writes nothing. */
    sqlLocks() {
      return this.database.isEmbedded ? new MemoryLocks() : new SqlLocks(this.database.locks);
    },
  },

  actions: {
    acquire(ctx) {
      return this.acquire(nameOf(ctx.params));
    },
    extend(ctx) {
      return this.extend(nameOf(ctx.params), ctx.params.token);
    },
    release(ctx) {
      return this.locks.release(nameOf(ctx.params), ctx.params.token);
    },
    acquireAll(ctx) {
      return this.acquire(ctx.params.claims.map(nameOf));
    },
    extendAll(ctx) {
      return this.extend(ctx.params.claims.map(nameOf), ctx.params.token);
    },
    releaseAll(ctx) {
      return this.locks.release(ctx.params.claims.map(nameOf), ctx.params.token);
    },
    status() {
      const { batchLockProvider: provider } = configOf(this.broker);
      return { provider, ...this.locks.figures };
    },
  },

  async started() {
    const { batchLockProvider, batchLockFallback, sweepIntervalMs } = configOf(this.broker);
    // Also those of the time when another provider was set.
    if (!this.database.isEmbedded)
      this.schedule("Forgetting old locks", sweepIntervalMs, () => this.forgetLocks(), 0.2);
    if (batchLockProvider === "sql") this.locks = new LocksWithFallback(this.sqlLocks(), null);
    else
      this.locks = new LocksWithFallback(await this.redisLocks(), batchLockFallback === "sql" ? this.sqlLocks() : null);
  },

  async stopped() {
    for (const url of this.nodes) releaseLink(this.broker, url);
  },
});
