/** Reads, changes and compares parts of JSON values by JSON pointer (RFC 6901). A change makes a copy; the old value stays. */

import { isRawNumber } from "../ui/exact-json.js";

/** @typedef {Record<string, unknown>} Document */
/** @typedef {Record<string, [before: unknown, after: unknown]>} Changes by pointer; undefined: the value is missing */

/** @param {string} name */
export const escaped = (name) => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** @param {string} pointer @returns {string[]} */
export const partsOf = (pointer) =>
  pointer === ""
    ? []
    : pointer
        .slice(1)
        .split("/")
        .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));

/** @param {unknown} value @returns {value is Document} */
export const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isRawNumber(value);

/** @param {any} value @param {string} pointer @returns {any} undefined: there is no such value */
export function valueAt(value, pointer) {
  let found = value;
  for (const part of partsOf(pointer)) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, part)) return undefined;
    found = found[part];
  }
  return found;
}

/**
 * A copy with another value at `pointer`. The value undefined removes the member.
 * @template T
 * @param {T} whole
 * @param {string} pointer
 * @param {unknown} value
 * @returns {T}
 */
export function withValue(whole, pointer, value) {
  const [first, ...rest] = partsOf(pointer);
  if (first === undefined) return /** @type {T} */ (value);
  const copy = /** @type {any} */ (Array.isArray(whole) ? [...whole] : { ...(isObject(whole) ? whole : {}) });
  const below = rest.map((part) => `/${escaped(part)}`).join("");
  const next = below === "" ? value : withValue(copy[first], below, value);
  if (next !== undefined) copy[first] = next;
  else if (Array.isArray(copy)) copy.splice(Number(first), 1);
  else delete copy[first];
  return copy;
}

/** @param {unknown} one @param {unknown} other @returns {boolean} the order of members does not matter */
export function isSame(one, other) {
  if (Object.is(one, other)) return true;
  if (isRawNumber(one) && isRawNumber(other)) return one.rawJSON === other.rawJSON;
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]));
  if (!isObject(one) || !isObject(other)) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => isSame(one[name], other[name]));
}

/**
 * The differences of two values, by the pointers of the smallest parts that differ. A list counts as one part.
 * @param {unknown} before
 * @param {unknown} after
 * @param {string} [at]
 * @returns {Changes}
 */
export function changesOf(before, after, at = "") {
  if (isSame(before, after)) return {};
  if (!isObject(before) || !isObject(after)) return { [at]: [before, after] };
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  /** @type {Changes} */
  const found = {};
  for (const name of names) Object.assign(found, changesOf(before[name], after[name], `${at}/${escaped(name)}`));
  return found;
}

/** Whether one pointer is the other, or lies within it. @param {string} one @param {string} other */
const meets = (one, other) => one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);

/**
 * Merges two changes of the same document.
 * @param {{ base: Document, yours: Document, theirs: Document }} values
 * @returns {{ merged: Document, mine: Changes, others: Changes, clashes: string[] }} `merged` has theirs, and yours where
 *   nobody else has changed anything; `clashes`: pointers of yours that both have changed, each in another way
 */
export function threeWay({ base, yours, theirs }) {
  const mine = changesOf(base, yours);
  const others = changesOf(base, theirs);
  const clashes = Object.keys(mine).filter((pointer) =>
    Object.keys(others).some(
      (other) => meets(pointer, other) && !isSame(valueAt(yours, pointer), valueAt(theirs, pointer)),
    ),
  );
  let merged = theirs;
  for (const [pointer, [, value]] of Object.entries(mine))
    if (!clashes.includes(pointer)) merged = withValue(merged, pointer, value);
  return { merged, mine, others, clashes };
}
