import type { Consumption } from "./rateLimiter.contract.ts";

/** The sliding-window counter of one key: requests in the window before, and in the one that began at `startMs`. */
export interface Window {
  startMs: number;
  previous: number;
  current: number;
}

/** Moves the window on to `nowMs`. */
export function advance(window: Window | undefined, windowMs: number, nowMs: number): Window {
  if (!window) return { startMs: nowMs, previous: 0, current: 0 };
  const passed = Math.floor((nowMs - window.startMs) / windowMs);
  if (passed <= 0) return window;
  return {
    startMs: window.startMs + passed * windowMs,
    previous: passed === 1 ? window.current : 0,
    current: 0,
  };
}

/**
 * Spends one request where the estimate allows it, and changes `window` then.
 * The estimate takes the requests of the window before as evenly spread: what of them still lies within the last
 * `windowMs`, plus the current ones.
 */
export function spend(window: Window, limit: number, windowMs: number, nowMs: number): Consumption {
  const elapsed = (nowMs - window.startMs) / windowMs;
  const estimate = window.previous * (1 - elapsed) + window.current;
  const allowed = estimate + 1 <= limit;
  const retryMs = allowed ? 0 : waitMs(window, limit, windowMs, elapsed);
  if (allowed) window.current++;
  return {
    allowed,
    limit,
    windowSeconds: windowMs / 1000,
    remaining: Math.max(0, Math.floor(limit - estimate - (allowed ? 1 : 0))),
    resetSeconds: Math.max(1, Math.ceil((windowMs * (1 - elapsed)) / 1000)),
    retryAfterSeconds: Math.ceil(retryMs / 1000),
  };
}

/** How long until one more request fits, if nobody else asks. */
function waitMs(window: Window, limit: number, windowMs: number, elapsed: number): number {
  const room = limit - 1 - window.current;
  if (room >= 0 && window.previous > 0) return Math.max(0, (1 - room / window.previous - elapsed) * windowMs);
  const intoNext = window.current > 0 ? Math.max(0, 1 - (limit - 1) / window.current) : 0;
  return (1 - elapsed + intoNext) * windowMs;
}
