import { bounded } from "../../lib/batching/recent.ts";
import type { Consumption, Look } from "./rateLimiter.contract.ts";

/** The sliding-window counter of one key: requests in the window before, and in the one that began at `startMs`. */
export interface Window {
  startMs: number;
  previous: number;
  current: number;
}

/** A window as one request found it. */
export interface Met {
  allowed: boolean;
  previous: number;
  /** Without this request. */
  current: number;
  /** Since the window began. */
  elapsedMs: number;
}

/**
 * Moves the window on to `nowMs`. If the clock was set back, the window begins again and keeps its counts; else it
 * would last too long.
 */
export function advance(window: Window | undefined, windowMs: number, nowMs: number): Window {
  if (!window) return { startMs: nowMs, previous: 0, current: 0 };
  const passed = Math.floor((nowMs - window.startMs) / windowMs);
  if (passed === 0) return window;
  if (passed < 0) return { ...window, startMs: nowMs };
  return {
    startMs: window.startMs + passed * windowMs,
    previous: passed === 1 ? window.current : 0,
    current: 0,
  };
}

/**
 * Spends one request if the estimate allows it; only then `window` changes. rateLimiter.lua.ts does the same in Redis.
 * The estimate assumes that the requests of the window before were evenly spread: the part of them within the last
 * `windowMs`, plus the current ones.
 */
export function spend(window: Window, limit: number, windowMs: number, nowMs: number): Met {
  const { previous, current, startMs } = window;
  const elapsedMs = nowMs - startMs;
  const allowed = previous * (1 - elapsedMs / windowMs) + current + 1 <= limit;
  if (allowed) window.current++;
  return { allowed, previous, current, elapsedMs };
}

/** The answer to a request, by the state of the window. */
export function consumption(
  { allowed, previous, current, elapsedMs }: Met,
  limit: number,
  windowMs: number,
): Consumption {
  const elapsed = elapsedMs / windowMs;
  const left = limit - (previous * (1 - elapsed) + current);
  const retryMs = allowed ? 0 : waitMs(previous, current, limit, windowMs, elapsed);
  return {
    allowed,
    limit,
    windowSeconds: windowMs / 1000,
    remaining: Math.max(0, Math.floor(left - (allowed ? 1 : 0))),
    resetSeconds: Math.max(1, Math.ceil((windowMs * (1 - elapsed)) / 1000)),
    retryAfterSeconds: Math.ceil(retryMs / 1000),
  };
}

/** The answer to a question about the window that spends no request. */
export function looked(window: Window, limit: number, windowMs: number, nowMs: number): Omit<Look, "store"> {
  const { previous, current, startMs } = window;
  const met: Met = { allowed: false, previous, current, elapsedMs: nowMs - startMs };
  const { windowSeconds, remaining, resetSeconds } = consumption(met, limit, windowMs);
  const used = Math.ceil(previous * (1 - met.elapsedMs / windowMs) + current);
  return { limit, windowSeconds, used, remaining, resetSeconds };
}

/** How long until one more request fits, if no other comes first. */
function waitMs(previous: number, current: number, limit: number, windowMs: number, elapsed: number): number {
  const room = limit - 1 - current;
  if (room >= 0 && previous > 0) return Math.max(0, (1 - room / previous - elapsed) * windowMs);
  const intoNext = current > 0 ? Math.max(0, 1 - (limit - 1) / current) : 0;
  return (1 - elapsed + intoNext) * windowMs;
}

/** The most clients that are counted. The least recent one is forgotten first, and starts with a fresh window. */
const MOST_WINDOWS = 100_000;

/** Windows in this process: the whole limit without Redis, this node's share while Redis is away. */
export class OwnWindows {
  private readonly windows = bounded<string, Window>(MOST_WINDOWS);

  spend(key: string, limit: number, windowMs: number): Met {
    // The monotonic clock: setting the system's clock does not change it.
    const nowMs = performance.now();
    const window = advance(this.windows.get(key), windowMs, nowMs);
    this.windows.set(key, window);
    return spend(window, limit, windowMs, nowMs);
  }

  /** Spends nothing, and does not count as a use of the window. */
  look(key: string, limit: number, windowMs: number): Omit<Look, "store"> {
    const nowMs = performance.now();
    return looked(advance(this.windows.peek(key), windowMs, nowMs), limit, windowMs, nowMs);
  }
}
