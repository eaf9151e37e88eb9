/**
 * Counts requests. The api calls it once for every request of a client; the answer has the values of the rate limit
 * headers. With Redis all nodes count in the same windows. While Redis is away each node allows its share: the limit
 * divided by the last known number of api nodes. If Redis is not configured, it counts in the process, which then is the
 * whole system. It does not throw while Redis is away: a limit that cannot be checked is no reason to refuse a partner.
 */
import { ReplyError } from "ioredis";
import { JoinedCalls } from "../../lib/batching/joined-calls.ts";
import { type Counter, counter, readWhenAsked } from "../../lib/metrics/figures.ts";
import { fields } from "../../mixins/define.ts";
import { redisMixin } from "../../mixins/redis.ts";
import { defineActor } from "../define.ts";
import type { LimiterStatus } from "./rateLimiter.contract.ts";
import { spendScript } from "./rateLimiter.lua.ts";
import { advance, consumption, looked, type Met, OwnWindows, type Window } from "./rateLimiter.window.ts";

const decisions = { name: "dataflow_limiter_decisions_total", help: "Requests by what the limiter said." };
const fallbacks = { name: "dataflow_limiter_fallbacks_total", help: "Decisions without the shared store." };

/** The key that the health check of Redis writes. */
const PING_LIFE_MS = 1_000;

interface Asked {
  key: string;
  limit: number;
  windowMs: number;
}
type SpendArgs = [key: string, limit: number, windowMs: number, requests: number];
/** The answer of the Lua script. */
type Answer = [allowed: number, previous: number, current: number, elapsedMs: number];

/** The most requests in one call. With more, Redis would idle while we collect them, and we while it counts. */
const MOST_JOINED = 8;

/**
 * The window as one of several requests found it: they were counted in one call, in order, and this is the one at
 * `place`.
 */
function metAt(place: number, [allowed, previous, current, elapsedMs]: Answer): Met {
  return { allowed: place < allowed, previous, current: current + Math.min(place, allowed), elapsedMs };
}

interface State {
  own: OwnWindows;
  decisions: Counter<"allowed" | "refused">;
  inRedis: JoinedCalls<Asked, Answer>;
  apiNodes: number;
  figures: { checks: number; fallbacks: number };
  /** Redis answers but refuses to write. */
  isRefused: boolean;
}

/** The braces are part of the key: on Redis Cluster they choose the slot. */
const keyOf = (clientId: string, windowSeconds: number) => `ratelimit:client:{${clientId}}:${windowSeconds}`;

function windowOf([start, previous, current]: (string | null)[]): Window | undefined {
  if (!start) return undefined;
  return { startMs: Number(start), previous: Number(previous), current: Number(current) };
}

export default defineActor({
  name: "rateLimiter",
  mixins: [redisMixin],
  state: fields<State>(),

  created() {
    this.own = new OwnWindows();
    this.apiNodes = 1;
    this.isRefused = false;
    this.figures = { checks: 0, fallbacks: 0 };
    this.decisions = counter(this.broker, decisions, "outcome", ["allowed", "refused"]);
    readWhenAsked(this.broker, { ...fallbacks, type: "counter", labelNames: ["store"] }, () => [
      { value: this.figures.fallbacks, labels: { store: "redis" } },
    ]);
  },

  events: {
    "$services.changed"() {
      this.countApiNodes();
    },
    "$node.disconnected"() {
      this.countApiNodes();
    },
  },

  methods: {
    async spend(key: string, limit: number, windowMs: number) {
      this.figures.checks++;
      if (!this.redis) return consumption(this.own.spend(key, limit, windowMs), limit, windowMs);
      try {
        // While a policy changes, a client's requests may have different limits.
        const [answer, place] = await this.inRedis.ask(`${limit} ${key}`, { key, limit, windowMs });
        if (this.isRefused) this.wrote(null);
        return consumption(metAt(place, answer), limit, windowMs);
      } catch (error) {
        this.wrote(error);
        this.figures.fallbacks++;
        const share = this.share(limit);
        // `limit` is the policy's limit, `remaining` what is left of this node's share.
        return { ...consumption(this.own.spend(key, share, windowMs), share, windowMs), limit };
      }
    },

    async look(key: string, limit: number, windowMs: number) {
      const own = () => this.own.look(key, this.redis ? this.share(limit) : limit, windowMs);
      if (!this.redis) return { store: "process" as const, ...own() };
      try {
        const [time, hash] = await this.redis.run((redis) =>
          Promise.all([redis.time(), redis.hmget(key, "start", "prev", "cur")]),
        );
        const nowMs = Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000);
        return { store: "redis" as const, ...looked(advance(windowOf(hash), windowMs, nowMs), limit, windowMs, nowMs) };
      } catch {
        return { store: "share" as const, ...own() };
      }
    },

    /**
     * Logs once when Redis refuses writes (full, a replica), and once when it accepts them again. `failure`: null after
     * a success.
     */
    wrote(failure: unknown) {
      // If Redis is away, the link logs it.
      if (failure !== null && !(failure instanceof ReplyError)) return;
      const isRefused = failure !== null;
      if (isRefused === this.isRefused) return;
      this.isRefused = isRefused;
      if (isRefused)
        this.logger.warn(
          `Redis refuses to count requests; each node now allows its share of the rate limit: ${(failure as Error).message}`,
        );
      else this.logger.info("Redis counts requests again.");
    },

    /** This node's share of a limit while Redis is away. */
    share(limit: number) {
      return Math.max(1, Math.floor(limit / this.apiNodes));
    },

    store(): LimiterStatus["store"] {
      return this.redis === null ? "process" : this.redis.isUp && !this.isRefused ? "redis" : "share";
    },

    /**
     * Updates the number of api nodes. While Redis is away it only rises: the same outage may hide nodes that still
     * count.
     */
    countApiNodes() {
      const services = this.broker.registry.getServiceList({ onlyAvailable: true }) as {
        name: string;
        nodeID: string;
      }[];
      const nodes = new Set(services.filter(({ name }) => name === "api").map(({ nodeID }) => nodeID)).size;
      this.apiNodes = Math.max(1, nodes, this.redis?.isUp === false ? this.apiNodes : 0);
    },
  },

  actions: {
    async consume(ctx) {
      const { clientId, limit, windowSeconds } = ctx.params;
      const spent = await this.spend(keyOf(clientId, windowSeconds), limit, windowSeconds * 1000);
      this.decisions.add(spent.allowed ? "allowed" : "refused");
      return spent;
    },
    look(ctx) {
      const { clientId, limit, windowSeconds } = ctx.params;
      return this.look(keyOf(clientId, windowSeconds), limit, windowSeconds * 1000);
    },
    async ping() {
      if (!this.redis) return null;
      const began = performance.now();
      // A write instead of a PING: a full Redis, or a replica, answers a PING but cannot count.
      try {
        await this.redis.run((redis) => redis.set("ratelimit:ping", "", "PX", PING_LIFE_MS));
      } catch (error) {
        this.wrote(error);
        throw error;
      }
      this.wrote(null);
      return performance.now() - began;
    },
    status() {
      return { store: this.store(), apiNodes: this.apiNodes, ...this.figures };
    },
  },

  async started() {
    const spend = this.redis?.script<SpendArgs, Answer>("spendRequest", 1, spendScript);
    if (spend)
      this.inRedis = new JoinedCalls(MOST_JOINED, (all) => {
        const { key, limit, windowMs } = all[0] as Asked;
        return spend(key, limit, windowMs, all.length);
      });
    this.countApiNodes();
  },
});
