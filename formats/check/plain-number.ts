/** Numbers in bytes that need no conversion: JSON may have their digits as they stand. */

const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const NINE = 57;

/** A double holds every number with this many digits. */
const SAFE_DIGITS = 15;
/** With more zeros behind the point JavaScript writes an exponent. */
const MOST_ZEROS = 5;

/**
 * Where a number ends that stands from `from` to `to`, spelled as `JSON.stringify` spells it but for zeros at its end: before
 * these zeros. −1: it is spelled in another way, has more digits than a double is sure to hold, or is no number.
 */
export function plainNumberEnd(data: Buffer, from: number, to: number): number {
  const first = data[from] === MINUS ? from + 1 : from;
  const point = digitsEnd(data, first, to);
  if (point === first || (data[first] === ZERO && point > first + 1)) return -1;
  const end = point < to ? fractionEnd(data, point, to) : point;
  if (end < 0 || end - first > SAFE_DIGITS) return -1;
  return data[first] === ZERO && !isPlainFraction(data, from, point, end) ? -1 : end;
}

function digitsEnd(data: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && (data[at] as number) >= ZERO && (data[at] as number) <= NINE) at++;
  return at;
}

/** The place behind the last digit that is no zero: `point` itself where all are zeros. −1: no fraction. */
function fractionEnd(data: Buffer, point: number, to: number): number {
  if (data[point] !== POINT || point + 1 === to || digitsEnd(data, point + 1, to) < to) return -1;
  let end = to;
  while (data[end - 1] === ZERO) end--;
  return end === point + 1 ? point : end;
}

/** Whether JavaScript writes a number 0.… like this, and not −0 as 0, or a small one with an exponent. */
function isPlainFraction(data: Buffer, from: number, point: number, end: number): boolean {
  if (end === point) return data[from] !== MINUS;
  return zerosFrom(data, point + 1) <= MOST_ZEROS;
}

/** Zeros that begin at `from`. */
function zerosFrom(data: Buffer, from: number): number {
  let at = from;
  while (data[at] === ZERO) at++;
  return at - from;
}
