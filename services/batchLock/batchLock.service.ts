/**
 * The lock of a batch. A worker acquires it between choosing and claiming, so that many workers do not try the same row.
 * It is not trusted: the fence in the batch row decides. A lost or unavailable lock stops nobody. The fence is part of the
 * lock's name: a batch that was taken from a dead worker has a new lock, so nobody waits for the old one to expire.
 * BATCH_LOCK_PROVIDER says where locks are: on a quorum of Redis nodes or in the database. While Redis is away,
 * BATCH_LOCK_FALLBACK serves.
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
import { MemoryLocks, type Names } from "./batchLock.provider.ts";
import { RedisLocks } from "./batchLock.redis.ts";
import { SqlLocks } from "./batchLock.sql.ts";

type Outcome = "acquired" | "busy" | "unavailable" | "lost";
interface State {
  /** Set in `started`. */
  locks: LocksWithFallback;
  ttlMs: number;
  outcomes: Counter<Outcome>;
  /** The open links to Redis nodes. */
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

    /** Deletes expired locks. A database that is away is reported elsewhere. */
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

    /** If one process owns the whole database file, locks in its memory are as strong as a table, and cost no write. */
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
    // Also deletes locks from before the provider was changed.
    if (!this.database.isEmbedded)
      this.schedule("Deleting expired locks", sweepIntervalMs, () => this.forgetLocks(), 0.2);
    if (batchLockProvider === "sql") this.locks = new LocksWithFallback(this.sqlLocks(), null);
    else
      this.locks = new LocksWithFallback(await this.redisLocks(), batchLockFallback === "sql" ? this.sqlLocks() : null);
  },

  async stopped() {
    for (const url of this.nodes) releaseLink(this.broker, url);
  },
});
