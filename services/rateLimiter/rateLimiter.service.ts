/**
 * The one place where requests are counted. The api asks it once for every request of a client; it answers with what the
 * rate-limit headers say. This implementation counts in the process: right where one process is the whole system.
 */
import { LRUCache } from "lru-cache";
import type { Service } from "moleculer";
import { define } from "../../mixins/define.ts";
import { type Counter, counter } from "../../mixins/figures.ts";
import { serve } from "../messages.ts";
import { advance, spend, type Window } from "./rateLimiter.window.ts";

type RateLimiter = Service & { windows: LRUCache<string, Window>; decisions: Counter<"allowed" | "refused"> };

const decisions = { name: "dataflow_limiter_decisions_total", help: "Requests by what the limiter said." };
const fallbacks = { name: "dataflow_limiter_fallbacks_total", help: "Decisions without the shared store." };

/** Clients that are counted at once; the one that asked longest ago is forgotten first, with a fresh window. */
const MOST_CLIENTS = 100_000;

export default define<RateLimiter>({
  name: "rateLimiter",

  created(this: RateLimiter) {
    this.windows = new LRUCache({ max: MOST_CLIENTS });
    this.decisions = counter(this.broker, decisions, "outcome", ["allowed", "refused"]);
    // Nothing is shared here, so nothing falls back; whoever counts elsewhere adds to it.
    counter(this.broker, fallbacks, "store", ["redis"]);
  },

  actions: serve<RateLimiter, "rateLimiter">("rateLimiter", {
    consume(ctx) {
      const { clientId, limit, windowSeconds } = ctx.params;
      const key = `ratelimit:client:{${clientId}}:${windowSeconds}`;
      // The monotonic clock: a wall clock that is set back would stretch a window.
      const nowMs = performance.now();
      const window = advance(this.windows.get(key), windowSeconds * 1000, nowMs);
      this.windows.set(key, window);
      const spent = spend(window, limit, windowSeconds * 1000, nowMs);
      this.decisions.add(spent.allowed ? "allowed" : "refused");
      return spent;
    },
  }),
});
