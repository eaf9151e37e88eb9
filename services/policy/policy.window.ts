/** The hours in which a client's batches may run: from `from` until before `to`, each day, on the clocks of `timeZone`. */
export interface PolicyWindow {
  from: string;
  to: string;
  timeZone: string;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/**
 * Null: open now; else the instant (epoch ms) at which it opens.
 * Where clocks jump over `from`, it opens at the jump; where `from` comes twice, it opens twice, if it was shut between.
 */
export function windowOpens(window: PolicyWindow, nowMs: number): number | null {
  const from = minuteOfDay(window.from);
  const to = minuteOfDay(window.to);
  const now = wallClock(window.timeZone, nowMs);
  if (isWithin(Math.floor((now % DAY) / MINUTE), from, to)) return null;
  // Tomorrow too: today's may be past. A jump may skip the whole window of a day, so one day more.
  const today = now - (now % DAY);
  for (let day = today; day <= today + 2 * DAY; day += DAY) {
    const instants = instantsOf(window.timeZone, day + from * MINUTE);
    const opens = instants.find((at) => at > nowMs && isOpen(window.timeZone, at, from, to));
    if (opens !== undefined) return opens;
  }
  return nowMs + DAY;
}

function isOpen(timeZone: string, atMs: number, from: number, to: number): boolean {
  return isWithin(Math.floor((wallClock(timeZone, atMs) % DAY) / MINUTE), from, to);
}

const isWithin = (minute: number, from: number, to: number): boolean =>
  from < to ? minute >= from && minute < to : minute >= from || minute < to;

/** "22:30" → 1350. */
export function minuteOfDay(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5));
}

/** The instants, in order, at which the clocks of the zone show `wall`; where they jump over it, that of the jump. */
function instantsOf(timeZone: string, wall: number): number[] {
  // No zone is further than 14 hours from UTC, and its offset changes at most once around an instant.
  const candidates = [wall - 15 * 60 * MINUTE, wall + 15 * 60 * MINUTE]
    .map((near) => wall - (wallClock(timeZone, near) - near))
    .sort((a, b) => a - b);
  const exact = candidates.filter((at) => wallClock(timeZone, at) === wall);
  if (exact.length > 0) return exact;
  return [jumpBetween(timeZone, candidates[0] as number, candidates[1] as number, wall)];
}

/** `wall` does not exist: finds the jump, before which clocks show less, and from which they show more. */
function jumpBetween(timeZone: string, before: number, after: number, wall: number): number {
  let low = before;
  let high = after;
  while (high - low > 1000) {
    const middle = Math.floor((low + high) / 2000) * 1000;
    if (wallClock(timeZone, middle) < wall) low = middle;
    else high = middle;
  }
  return high;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** What the zone's clocks show, to the second, as if they stood in UTC. */
function wallClock(timeZone: string, atMs: number): number {
  const parts = new Map(
    clockOf(timeZone)
      .formatToParts(atMs)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) as number;
  return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
}

/** Making one takes 50 µs; zones are few. */
function clockOf(timeZone: string): Intl.DateTimeFormat {
  let clock = clocks.get(timeZone);
  if (clock === undefined) {
    const twoDigits = {
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    } as const;
    clock = new Intl.DateTimeFormat("en-US", { timeZone, hourCycle: "h23", year: "numeric", ...twoDigits });
    clocks.set(timeZone, clock);
  }
  return clock;
}
