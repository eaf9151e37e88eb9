/** Converts numbers of days, as workbooks store dates and times, to ISO 8601. */
import type { DayKind } from "./number-formats.ts";

export type IsoKind = Exclude<DayKind, "either">;

export interface IsoText {
  kind: IsoKind;
  text: string;
}

const DAY_MS = 86_400_000;
/** 9999-12-31, the last day that Excel knows, and the same in files that count from 1904. */
const LAST_DAY = 2_958_465;
const DAYS_TO_1904 = 1462;
/** Day 60 is 29 February 1900, which never existed. All later days have a number that is too large by one. */
const NEVER = 60;

/**
 * Null: no day of Excel has this number, so it stays a number. Days 0 and 60 of 1900 become the impossible dates that Excel shows,
 * and the schema refuses them: another day would be a silent guess.
 */
export function isoOfDays(digits: string, dayKind: DayKind, is1904: boolean): IsoText | null {
  const days = Number(digits) + (is1904 ? DAYS_TO_1904 : 0);
  const isFromZero = is1904 ? days >= DAYS_TO_1904 : days >= 0;
  if (dayKind === "duration") return durationOf(Number(digits));
  if (!isFromZero || !(days < LAST_DAY + 1)) return null;
  const ms = Math.round(days * DAY_MS);
  const day = Math.floor(ms / DAY_MS);
  const kind = dayKind === "either" ? (day === 0 ? "time" : "date") : dayKind;
  const time = () => timeOf(ms - day * DAY_MS);
  switch (kind) {
    case "date":
      return { kind, text: dateOf(day) };
    case "time":
      return { kind, text: time() };
    case "date-time":
      return { kind, text: `${dateOf(day)}T${time()}Z` };
    default:
      throw new Error(`No such kind: ${kind satisfies never}`);
  }
}

/** A cache, because a file repeats a few days many times. */
const known = new Map<number, string>();
const MOST_KNOWN = 10_000;

function dateOf(day: number): string {
  const found = known.get(day) ?? madeDate(day);
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(day, found);
  return found;
}

/** The date of a day's number in the 1900 date system. The days of files with the 1904 system begin after both special cases. */
function madeDate(day: number): string {
  if (day === 0) return "1900-01-00";
  if (day === NEVER) return "1900-02-29";
  const unix = day - 25_569 + (day < NEVER ? 1 : 0);
  return new Date(unix * DAY_MS).toISOString().slice(0, 10);
}

/** Writes milliseconds only if there are any. A double holds no finer fraction. */
const timeOf = (ms: number): string => new Date(ms).toISOString().slice(11, ms % 1000 === 0 ? 19 : 23);

/** Elapsed time (`[h]:mm`). More than a day is common, so it is not a time of day. */
function durationOf(days: number): IsoText | null {
  const ms = Math.round(Math.abs(days) * DAY_MS);
  if (!(ms <= LAST_DAY * DAY_MS)) return null;
  const [hours, minutes, seconds] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, (ms % 60_000) / 1000];
  const parts = [hours && `${hours}H`, minutes && `${minutes}M`, seconds && `${seconds}S`].filter(Boolean).join("");
  return { kind: "duration", text: `${days < 0 && ms > 0 ? "-" : ""}PT${parts || "0S"}` };
}

const ISO = /^(?:(\d{4}-\d\d-\d\d)(?:T(?=\d))?)?(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?$/;

/** The text of a cell that stores an ISO 8601 date (`t="d"`), cut to what its style shows. Null: it is not a date. */
export function isoOfText(text: string, dayKind: DayKind | null): IsoText | null {
  const [, date, time] = ISO.exec(text) ?? [];
  if (date === undefined && time === undefined) return null;
  const clock = withSeconds(time ?? "00:00:00");
  const kind = dayKind === null || dayKind === "either" || dayKind === "duration" ? null : dayKind;
  if (date !== undefined && (kind === "date" || (kind !== "date-time" && time === undefined)))
    return { kind: "date", text: date };
  if (date === undefined || kind === "time") return { kind: "time", text: clock };
  return { kind: "date-time", text: `${date}T${clock}${/(?:Z|[+-]\d\d:\d\d)$/.exec(text.slice(10))?.[0] ?? "Z"}` };
}

function withSeconds(time: string): string {
  const whole = time.length === 5 ? `${time}:00` : time;
  return whole.replace(/\.0+$/, "");
}
