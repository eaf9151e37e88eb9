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
 * Where clocks jump over `from`, it opens at the jump; where `from` comes twice, it opens twice, if it was shut between;
 * where clocks jump back behind its end, it opens once more.
 */
export function windowOpens(window: PolicyWindow, nowMs: number): number | null {
  const { timeZone } = window;
  const hours = { from: minuteOfDay(window.from), to: minuteOfDay(window.to) };
  const now = wallClock(timeZone, nowMs);
  if (isWithin(minuteOf(now), hours)) return null;
  const opens = nextFrom(timeZone, nowMs, now, hours);
  const jump = jumpBack(timeZone, nowMs, opens);
  return jump !== null && isOpen(timeZone, jump, hours) ? jump : opens;
}

interface Hours {
  from: number;
  to: number;
}

/** The next instant at which clocks show `from`, or jump over it, and it is open. */
function nextFrom(timeZone: string, nowMs: number, now: number, hours: Hours): number {
  // Tomorrow too: today's may be past. A jump may skip the whole window of a day, so one day more.
  const today = now - (now % DAY);
  for (let day = today; day <= today + 2 * DAY; day += DAY) {
    const instants = instantsOf(timeZone, day + hours.from * MINUTE);
    const opens = instants.find((at) => at > nowMs && isOpen(timeZone, at, hours));
    if (opens !== undefined) return opens;
  }
  return nowMs + DAY;
}

/** When clocks are set back between the two; null: they are not. */
function jumpBack(timeZone: string, from: number, until: number): number | null {
  const offset = (at: number) => wallClock(timeZone, at) - Math.floor(at / 1000) * 1000;
  const before = offset(from);
  return offset(until) < before ? firstSecond(from, until, (at) => offset(at) < before) : null;
}

const isOpen = (timeZone: string, atMs: number, hours: Hours): boolean =>
  isWithin(minuteOf(wallClock(timeZone, atMs)), hours);

const minuteOf = (wall: number): number => Math.floor((wall % DAY) / MINUTE);

const isWithin = (minute: number, { from, to }: Hours): boolean =>
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
  // `wall` does not exist: before the jump clocks show less, and from it on more.
  const [before, after] = candidates as [number, number];
  return [firstSecond(before, after, (at) => wallClock(timeZone, at) > wall)];
}

/** The first whole second of which `holds` is true: it is false before, and true from then until `high`. */
function firstSecond(low: number, high: number, holds: (at: number) => boolean): number {
  let [before, first] = [low, high];
  while (first - before > 1000) {
    const middle = Math.floor((before + first) / 2000) * 1000;
    if (holds(middle)) first = middle;
    else before = middle;
  }
  return first;
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
