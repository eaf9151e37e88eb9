/** Numbers for columns: whole, decimal and floating ones. Nothing is rounded. */
import {
  canonicalText,
  type Decimal,
  decimalOf,
  HugeExponent,
  isWhole,
  lastPlace,
} from "../../../formats/check/decimal.ts";
import { Digits } from "../../../formats/check/exact-record.ts";
import { ofType, type TargetColumn, type ToText, ValueFault } from "../target.ts";

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const PLAIN = /^-?\d+(?:\.\d+)?$/;
/** numeric(1000, …) is the widest of PostgreSQL. Longer runs of zeros keep their exponent. */
const MOST_ZEROS = 1_000;
/** What PostgreSQL's numeric holds without a precision: digits before the point, and after it. */
const WIDEST = { before: 131_072, after: 16_383 };
/** A float with this many bits or more is a double. */
const DOUBLE_BITS = 53;

/** The digits of a number. A text counts if it is a number in JSON. Null: it is no number. */
export function digitsOf(value: unknown): string | null {
  if (typeof value === "number") return String(value);
  if (value instanceof Digits) return value.source;
  return typeof value === "string" && NUMBER.test(value) ? value : null;
}

/** A decimal from its digits. Null: its exponent is too large for any column. */
function decimal(digits: string): Decimal | null {
  try {
    return decimalOf(digits);
  } catch (error) {
    if (error instanceof HugeExponent) return null;
    throw error;
  }
}

/** The number as it is stored in a text: with the digits that it came with, but for one that JavaScript writes with an exponent. */
export function numberText(value: number | Digits): string {
  if (value instanceof Digits) return value.source;
  const text = String(value);
  return PLAIN.test(text) ? text : canonicalText(decimalOf(text), MOST_ZEROS);
}

export const integerText: ToText = (value, { range }) => {
  if (Number.isSafeInteger(value) && isWithinSafe(value as number, range)) return String(value);
  const digits = digitsOf(value);
  if (digits === null) return ofType("a whole number");
  const exact = decimal(digits);
  if (exact === null) return outside(range);
  if (!isWhole(exact)) return ofType("a whole number");
  if (exact.point > MOST_ZEROS) return outside(range);
  const text = canonicalText(exact, MOST_ZEROS);
  const whole = BigInt(text);
  if (range && (whole < BigInt(range.least) || whole > BigInt(range.most))) return outside(range);
  return text;
};

function isWithinSafe(value: number, range: TargetColumn["range"]): boolean {
  if (range === null) return true;
  const { least, most } = boundsOf(range);
  return value >= least && value <= most;
}

const known = new WeakMap<object, { least: number; most: number }>();

/** The limits as doubles. Those of a bigint become a little wider, but no safe integer is near them. */
function boundsOf(range: NonNullable<TargetColumn["range"]>): { least: number; most: number } {
  const found = known.get(range) ?? { least: Number(range.least), most: Number(range.most) };
  known.set(range, found);
  return found;
}

const outside = (range: TargetColumn["range"]): ValueFault =>
  new ValueFault("range", range ? `must be from ${range.least} to ${range.most}` : "must have fewer digits");

export const decimalText: ToText = (value, column) => {
  // On SQLite such a column holds whole numbers exactly, and no others.
  if (column.range !== null) return integerText(value, column);
  const { precision, scale } = column;
  const digits = digitsOf(value);
  if (digits === null) return ofType("a number");
  if (isNarrow(digits, precision, scale)) return digits;
  const exact = decimal(digits);
  if (exact === null) return new ValueFault("range", "must have a smaller exponent");
  const fault = decimalFault(exact, precision, scale);
  if (fault) return fault;
  return isAsWide(digits, scale) ? digits : canonicalText(exact, MOST_ZEROS);
};

/** A quick check whether the digits fit as they are. */
function isNarrow(digits: string, precision: number | null, scale: number | null): boolean {
  if (precision === null || scale === null || digits.length > precision || !PLAIN.test(digits)) return false;
  const point = digits.indexOf(".");
  const before = point < 0 ? digits.length : point;
  return before <= precision - scale && digits.length - before - 1 <= scale;
}

function decimalFault(exact: Decimal, precision: number | null, scale: number | null): ValueFault | null {
  if (exact.digits === "") return null;
  const after = scale ?? (precision === null ? WIDEST.after : 0);
  const before = precision === null ? WIDEST.before : precision - after;
  if (-lastPlace(exact) > after)
    return new ValueFault("range", after < 0 ? `must end in ${-after} zeros` : `must have at most ${after} decimals`);
  if (exact.point > before)
    return new ValueFault(
      "range",
      before <= 0 ? "must be nearer to zero" : `must have at most ${before} digits before the point`,
    );
  return null;
}

/** Whether the digits may be handed over as they came, zeros at the end included. */
function isAsWide(digits: string, scale: number | null): boolean {
  if (!PLAIN.test(digits)) return false;
  const point = digits.indexOf(".");
  return point < 0 || digits.length - point - 1 <= (scale ?? WIDEST.after);
}

export const floatText: ToText = (value, { precision }) => {
  const digits = digitsOf(value);
  if (digits === null) return ofType("a number");
  const double = Number(digits);
  const held = precision !== null && precision < DOUBLE_BITS ? Math.fround(double) : double;
  const isLost = held === 0 && /^[^eE]*[1-9]/.test(digits);
  if (!Number.isFinite(held) || isLost)
    return new ValueFault("range", "must be a number that a floating point column holds");
  return digits;
};
