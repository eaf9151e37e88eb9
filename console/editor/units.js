/** Sizes and times in fields: how they are shown, and how people may type them. */
import { bytes, duration } from "../ui/numbers.js";

/** @typedef {"bytes" | "time" | null} Kind */

const MS = { Ms: 1, Seconds: 1_000, Hours: 3_600_000, Days: 86_400_000 };

/** How many milliseconds the unit of a field has; null: the field is no time. @param {string} name */
const msOf = (name) => {
  const [unit] = /(?:Ms|Seconds|Hours|Days)$/.exec(name) ?? [];
  return unit === undefined ? null : MS[/** @type {keyof typeof MS} */ (unit)];
};

/** @param {string} name @returns {Kind} */
export const kindOf = (name) => (/Bytes$|^bytes/.test(name) ? "bytes" : msOf(name) === null ? null : "time");

/** @param {string} name */
export const unitOf = (name) => {
  if (kindOf(name) === "bytes") return "bytes";
  const [unit] = /(?:Ms|Seconds|Hours|Days)$/.exec(name) ?? [];
  return unit === "Ms" ? "ms" : (unit?.toLowerCase() ?? "");
};

/** `1 GiB`, `1 min`; empty if the number alone is readable. @param {string} name @param {unknown} value */
export function readable(name, value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "";
  if (kindOf(name) === "bytes") return value >= 1024 ? bytes(value) : "";
  const ms = msOf(name);
  return ms === null || value === 0 ? "" : duration(value * ms);
}

/** @type {Record<string, number>} */
const powers = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 };
/** @type {Record<string, number>} */
const times = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A typed text as a number in the field's unit: `64 MiB`, `10 min`, `1 000`.
 * @param {string} name
 * @param {string} text
 * @returns {number | null} null: the text is no number
 */
export function numberOf(name, text) {
  const [, digits, unit = ""] = /^\s*(-?[\d.\s_]+?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const number = digits === undefined ? Number.NaN : Number(digits.replaceAll(/[\s_]/g, ""));
  if (digits === undefined || digits.trim() === "" || !Number.isFinite(number)) return null;
  if (unit === "") return number;
  const size = kindOf(name) === "bytes" ? powers[unit.toLowerCase()] : undefined;
  if (size !== undefined) return Math.round(number * size);
  const own = msOf(name);
  const ms = times[unit.toLowerCase()];
  return own === null || ms === undefined ? null : (number * ms) / own;
}
