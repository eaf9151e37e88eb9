/** Whether a batch may run now: the client's window, and approval. */
import { Temporal } from "temporal-polyfill";
import type { Format } from "../../formats/formats.ts";
import type { Decision } from "./policy.contract.ts";
import type { Policy } from "./policy.document.ts";

/** The hours in which a client's batches may run: from `from` until before `to`, each day, on the clocks of `timeZone`. */
type PolicyWindow = NonNullable<Policy["window"]>;

type Time = Temporal.ZonedDateTime;

/**
 * When the window opens (epoch ms); null: it is open now.
 * When clocks change: if they skip `from`, the window opens at the change. If `from` comes twice, it opens twice, if it
 * was closed in between. If they go back before its end, it opens once more.
 */
export function windowOpens(window: PolicyWindow, nowMs: number): number | null {
  const now = Temporal.Instant.fromEpochMilliseconds(Math.floor(nowMs)).toZonedDateTimeISO(window.timeZone);
  if (isOpen(window, now)) return null;
  const next = nextFrom(window, now);
  // The clocks change between the two: the window may open at that moment.
  const jump = next.offset === now.offset ? null : now.getTimeZoneTransition("next");
  const isAtJump = jump !== null && Temporal.ZonedDateTime.compare(jump, next) < 0 && isOpen(window, jump);
  return (isAtJump ? jump : next).epochMilliseconds;
}

/** The next time that clocks show `from`; if they skip `from`, a time after the change. */
function nextFrom(window: PolicyWindow, now: Time): Time {
  const from = Temporal.PlainTime.from(window.from);
  // Today's may be past, so tomorrow too. A change of clocks may skip a day's whole window, so one day more.
  const times = [0, 1, 2].flatMap((days) => {
    const shown = now.toPlainDate().add({ days }).toPlainDateTime(from);
    return (["earlier", "later"] as const).map((disambiguation) =>
      shown.toZonedDateTime(window.timeZone, { disambiguation }),
    );
  });
  const isNext = (time: Time) => Temporal.ZonedDateTime.compare(time, now) > 0 && isOpen(window, time);
  return times.find(isNext) ?? now.add({ hours: 24 });
}

function isOpen({ from, to }: PolicyWindow, time: Time): boolean {
  const minute = time.hour * 60 + time.minute;
  const [first, end] = [minuteOfDay(from), minuteOfDay(to)];
  return first < end ? minute >= first && minute < end : minute >= first || minute < end;
}

/** "22:30" → 1350. */
export function minuteOfDay(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5));
}

interface StoredBody {
  format: Format;
  bytes: number;
  records: number;
  nowMs: number;
}

/**
 * Decides what happens to a complete body. An approval comes first, because an operator may approve outside of the window. An
 * approval by counts comes later, after the check.
 */
export function evaluatePolicy(policy: Policy, { nowMs }: StoredBody): Decision {
  if (policy.requiresApproval === true) return { decision: "held", hold: "approval", until: null };
  const opens = policy.window === null ? null : windowOpens(policy.window, nowMs);
  return opens === null ? { decision: "ready" } : { decision: "held", hold: "window", until: opens };
}
