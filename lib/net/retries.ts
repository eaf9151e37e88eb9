/** How long to wait before a webhook or an alert that failed is sent again. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The waits between attempts, as Standard Webhooks advises: ten attempts in about three days. */
export const usualDelaysMs: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

/** The longest wait that a receiver can ask for by `Retry-After`. */
const LONGEST_MS = 24 * HOUR;
/**
 * Jitter: deliveries that failed at the same time are not sent again at the same time, so a receiver that has just
 * recovered is not overrun.
 */
const JITTER = 0.2;

/** The wait after the failure of attempt number `tries` (from 1); null: it was the last one. */
export function delayAfter(tries: number, retryAfterMs: number | null, delaysMs = usualDelaysMs): number | null {
  const delay = delaysMs[tries - 1];
  if (delay === undefined) return null;
  const asked = Math.min(retryAfterMs ?? 0, LONGEST_MS);
  return Math.round(Math.max(delay, asked) + delay * JITTER * Math.random());
}

/** `Retry-After` (RFC 9110, 10.2.3), seconds or a date, as ms from now; null if it is neither, or past. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d{1,10}$/.test(text)) return Number(text) * SECOND;
  // Only a text with the name of a month is a date: Date.parse would also read "-5" or "1.5" as one.
  const at = /^[A-Za-z]{3,9},? .*[A-Za-z]{3}.*\d\d:\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return at > nowMs ? at - nowMs : null;
}
