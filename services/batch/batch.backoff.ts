import type { Policy } from "../policy/policy.contract.ts";

/** ±20 % jitter, so that batches that failed at the same time do not retry at the same time. */
const JITTER = 0.4;

/** How long to wait after attempt number `attempt` (from 1), in ms. `random` is 0 to 1. */
export function backoffMs(
  { type, delayMs, maxMs }: Policy["backoff"],
  attempt: number,
  random = Math.random(),
): number {
  const plain = type === "fixed" ? delayMs : delayMs * 2 ** (attempt - 1);
  return Math.round(Math.min(plain, maxMs) * (1 + JITTER * (random - 0.5)));
}
