/** Dates and times for columns. No word such as "now" or "infinity" is one, and no fraction of a second is rounded. */
import { ofType, type TargetColumn, type ToText, ValueFault } from "../target.ts";

const DAY = String.raw`(\d{4})-(\d\d)-(\d\d)`;
const CLOCK = String.raw`([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,30}))?)?(Z|[+-](?:0\d|1[0-5])(?::?[0-5]\d)?)?`;
const DATE = new RegExp(`^${DAY}$`);
const TIME = new RegExp(`^${CLOCK}$`, "i");
const MOMENT = new RegExp(`^${DAY}[T ]${CLOCK}$`, "i");

/** How many decimals of a second a column has if its catalog does not say so. */
const DECIMALS = 6;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;

interface Clock {
  hour: number;
  minute: number;
  second: number;
  /** The digits of the fraction of a second, without zeros at the end. */
  fraction: string;
  /** The offset in minutes. Null: the text has none. */
  offset: number | null;
}

export const dateText: ToText = (value) => {
  const is = typeof value === "string" && DATE.test(value) && isDay(value);
  return is ? value : ofType("a date like 2026-11-29");
};

export const timeText: ToText = (value, column) => {
  const found = typeof value === "string" ? TIME.exec(value) : null;
  if (!found) return ofType("a time like 13:45:00");
  const clock = clockOf(found, 1);
  const fault = fractionFault(clock, column);
  if (fault) return fault;
  if (hasOffset(column)) return `${clockText(clock)}${offsetText(clock.offset)}`;
  const minutes = clock.hour * 60 + clock.minute - (clock.offset ?? 0);
  const utc = ((minutes % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES;
  return clockText({ ...clock, hour: Math.floor(utc / 60), minute: utc % 60 });
};

/** Whole seconds, as most partners send them and JSON.stringify writes them. */
const WHOLE_UTC = /^\d{4}-\d\d-\d\d[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.0{1,30})?Z$/;
const [DAY_END, SECONDS_END] = [10, 19];

/** A time with its offset, or with UTC if it has none. */
export const timestamptzText: ToText = (value, column) => {
  if (typeof value === "string" && WHOLE_UTC.test(value) && isDay(value))
    return `${value.slice(0, DAY_END)} ${value.slice(DAY_END + 1, SECONDS_END)}+00:00`;
  const moment = momentOf(value, column);
  if (moment instanceof ValueFault) return moment;
  const { day, clock } = moment;
  return `${day} ${clockText(clock)}${offsetText(clock.offset)}`;
};

/** A time for a column without an offset. A value with an offset is converted to UTC. */
export const timestampText: ToText = (value, column) => {
  const moment = momentOf(value, column);
  if (moment instanceof ValueFault) return moment;
  const { day, clock } = moment;
  if (!clock.offset) return `${day} ${clockText(clock)}`;
  const at = Date.parse(`${day}T${two(clock.hour)}:${two(clock.minute)}:00Z`) - clock.offset * MINUTE_MS;
  const utc = new Date(at);
  const year = utc.getUTCFullYear();
  if (year < 1 || year > 9999) return new ValueFault("range", "must be from the year 1 to 9999, in UTC");
  const shifted = { ...clock, hour: utc.getUTCHours(), minute: utc.getUTCMinutes() };
  return `${utc.toISOString().slice(0, 10)} ${clockText(shifted)}`;
};

/** Reads a day and a time of day. A date alone means midnight. */
function momentOf(value: unknown, column: TargetColumn): { day: string; clock: Clock } | ValueFault {
  const found = typeof value === "string" ? (MOMENT.exec(value) ?? DATE.exec(value)) : null;
  if (!found || !isDay(value as string)) return ofType("a date and time like 2026-11-29T13:45:00Z");
  const clock = clockOf(found, 4);
  return fractionFault(clock, column) ?? { day: (value as string).slice(0, 10), clock };
}

/** `text` begins with a date's digits, as the pattern found them. */
function isDay(text: string): boolean {
  const [year, month, day] = [100 * pairAt(text, 0) + pairAt(text, 2), pairAt(text, 5), pairAt(text, 8)];
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
}

const ZERO = 48;
/** The number that two digits are. */
const pairAt = (text: string, at: number): number => 10 * (text.charCodeAt(at) - ZERO) + text.charCodeAt(at + 1) - ZERO;

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
const daysIn = (year: number, month: number): number =>
  month === 2 && isLeap(year) ? 29 : (DAYS[month - 1] as number);

function clockOf(found: readonly (string | undefined)[], from: number): Clock {
  const [hour = "0", minute = "0", second = "0", fraction = "", offset] = found.slice(from);
  return {
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    fraction: fraction.replace(/0+$/, ""),
    offset: offset === undefined ? null : minutesOf(offset),
  };
}

function minutesOf(offset: string): number {
  if (/^z$/i.test(offset)) return 0;
  const digits = offset.replace(":", "");
  const minutes = Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3) || 0);
  return digits.startsWith("-") ? -minutes : minutes;
}

function fractionFault({ fraction }: Clock, { scale }: TargetColumn): ValueFault | null {
  const most = scale ?? DECIMALS;
  return fraction.length > most ? new ValueFault("range", `must have at most ${most} decimals of a second`) : null;
}

const hasOffset = ({ type }: TargetColumn): boolean => /with time zone|timetz/i.test(type);
const two = (value: number): string => String(value).padStart(2, "0");

const clockText = ({ hour, minute, second, fraction }: Clock): string =>
  `${two(hour)}:${two(minute)}:${two(second)}${fraction && `.${fraction}`}`;

function offsetText(offset: number | null): string {
  const size = Math.abs(offset ?? 0);
  return `${(offset ?? 0) < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}
