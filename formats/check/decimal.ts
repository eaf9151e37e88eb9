/**
 * Decimal numbers of any size, as digits and the place of the point. Nothing here is ever written out in full: what
 * `1e1000000000` costs is the length of its text.
 */

/** ±0.d₁d₂d₃… × 10^point. */
export interface Decimal {
  readonly isNegative: boolean;
  /** Without zeros at either end; empty for zero. */
  readonly digits: string;
  readonly point: number;
}

/** Below it, with up to 15 digits, a double counts places without error in texts of any length. */
const TOO_HUGE = 1e15;

const NUMBER = /^(-?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
const ZERO = 48;

/** The value of a number's text, as JSON spells numbers. Throws HugeExponent, and for what is no number. */
export function decimalOf(text: string): Decimal {
  const [, sign, whole = "", fraction = "", exponent = "0"] = NUMBER.exec(text) ?? notANumber(text);
  const all = whole + fraction;
  let first = 0;
  while (first < all.length && all.charCodeAt(first) === ZERO) first++;
  let end = all.length;
  while (end > first && all.charCodeAt(end - 1) === ZERO) end--;
  if (first === end) return zero;
  const shift = Number(exponent);
  if (Math.abs(shift) >= TOO_HUGE) throw new HugeExponent();
  return { isNegative: sign === "-", digits: all.slice(first, end), point: shift + whole.length - first };
}

/** The exponent has more than 15 digits: no use is known for such a number, and its places could not be counted. */
export class HugeExponent extends Error {
  override readonly name = "HugeExponent";
}

const zero: Decimal = { isNegative: false, digits: "", point: 0 };

function notANumber(text: string): never {
  throw new Error(`Not a number: ${text.slice(0, 100)}`);
}

/** Below, equal to or above 0, as `one` is less than, equal to or greater than `other`. */
export function compareDecimals(one: Decimal, other: Decimal): number {
  const sign = signOf(one);
  if (sign !== signOf(other)) return sign - signOf(other);
  return sign * compareSizes(one, other);
}

const signOf = ({ isNegative, digits }: Decimal): number => (digits === "" ? 0 : isNegative ? -1 : 1);

function compareSizes(one: Decimal, other: Decimal): number {
  if (one.point !== other.point) return one.point - other.point;
  if (one.digits === other.digits) return 0;
  return one.digits < other.digits ? -1 : 1;
}

/** The power of ten that the last digit counts. */
export const lastPlace = ({ digits, point }: Decimal): number => point - digits.length;

export const isWhole = (decimal: Decimal): boolean => lastPlace(decimal) >= 0;

/** How many digits one step of a division takes. This was the fastest of the tried sizes (4 ms for a million digits). */
const BLOCK = 60;
const BLOCK_SIZE = 10n ** BigInt(BLOCK);
/** A divisor that comes from a double has up to 17 digits, and so fewer factors 2 or 5 than this. */
const MOST_FACTORS = 64;

/** Whether `value` is a whole number of times `divisor`, which is not 0 and has up to 17 digits. */
export function isMultiple(value: Decimal, divisor: Decimal): boolean {
  if (value.digits === "") return true;
  const shift = lastPlace(value) - lastPlace(divisor);
  // The last digit of the value is no zero, so that no power of ten divides it.
  if (shift < 0) return false;
  const by = BigInt(divisor.digits);
  return (remainder(value.digits, by) * 10n ** BigInt(Math.min(shift, MOST_FACTORS))) % by === 0n;
}

/** In blocks: one division of a million digits would take its square in time. */
function remainder(digits: string, by: bigint): bigint {
  const first = digits.length % BLOCK;
  let rest = BigInt(digits.slice(0, first)) % by;
  for (let start = first; start < digits.length; start += BLOCK)
    rest = (rest * BLOCK_SIZE + BigInt(digits.slice(start, start + BLOCK))) % by;
  return rest;
}

/** Zeros that are written out before or after the digits; beyond it there is an exponent. */
const MOST_ZEROS = 30;

/** The one text of a value, however it was spelled: `1e20` and `100000000000000000000.0` are the same. */
export function canonicalText(decimal: Decimal, mostZeros = MOST_ZEROS): string {
  const { isNegative, digits, point } = decimal;
  if (digits === "") return "0";
  const sign = isNegative ? "-" : "";
  const after = lastPlace(decimal);
  if (after > mostZeros || point < -mostZeros) return `${sign}${digits}e${after}`;
  if (after >= 0) return `${sign}${digits}${"0".repeat(after)}`;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
