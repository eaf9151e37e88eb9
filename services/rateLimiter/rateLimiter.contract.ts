import { action } from "../declare.ts";

export interface Consumption {
  allowed: boolean;
  limit: number;
  windowSeconds: number;
  /** How many requests are left after this call, by the counter's estimate. */
  remaining: number;
  /** Seconds until the current window ends. */
  resetSeconds: number;
  /** Seconds after which the same call would pass; 0 when allowed. */
  retryAfterSeconds: number;
}

/** The current state of a client's counter. */
export interface Look {
  /** Where it was counted. `share`: Redis is away, so this node counts alone, against its share of the limit. */
  store: LimiterStatus["store"];
  limit: number;
  windowSeconds: number;
  /** The counter's estimate of the last `windowSeconds`. */
  used: number;
  remaining: number;
  /** Seconds until the current window ends. */
  resetSeconds: number;
}

export interface LimiterStatus {
  /** Where requests are counted now. `share`: Redis is away, and each node allows the limit divided by `apiNodes`. */
  store: "redis" | "share" | "process";
  apiNodes: number;
  checks: number;
  /** Decisions that Redis did not answer. */
  fallbacks: number;
}

const counterOf = {
  clientId: { type: "string" },
  limit: { type: "number", integer: true, positive: true },
  windowSeconds: { type: "number", integer: true, positive: true },
} as const;

export const rateLimiterActions = {
  /** Spends one of a client's `limit` requests in `windowSeconds`. It does not throw while Redis is away. */
  consume: action(counterOf, { timeout: 0 }).answers<Consumption>(),
  /** Reads the same counter and spends nothing. It does not throw while Redis is away. */
  look: action(counterOf).answers<Look>(),
  /** Measures a round trip to Redis, in ms; null: Redis is not configured. Throws while it is away. */
  ping: action({}).answers<number | null>(),
  /** The status of this node. */
  status: action({}).answers<LimiterStatus>(),
};
