/** Removes the columns `_record` and `_errors` from a file of rejected records, so that it can be checked like any other file. */
import { parseExact } from "../ui/exact-json.js";
import { csvRows } from "./csv.js";

/**
 * @typedef {object} PlainFile
 * @property {string} text the records alone
 * @property {(number | null)[]} numbers the number of the rejected record that each record corrects; null: none
 */

/** @param {string} name */
const isOwn = (name) => /^_(record|errors)$/i.test(name);
/** @param {string} name */
const isNumber = (name) => name.toLowerCase() === "_record";

/** @param {unknown} value */
const numberIn = (value) => (/^\d{1,15}$/.test(String(value ?? "").trim()) ? Number(value) : null);

/** The delimiter that is most frequent in the first row. @param {string} text */
export const delimiterIn = (text) => {
  const head = text.slice(0, text.search(/\r?\n|$/));
  const found = [",", ";", "\t", "|"].map((one) => ({ one, times: head.split(one).length }));
  return found.sort((a, b) => b.times - a.times)[0]?.one ?? ",";
};

/**
 * @param {string} text
 * @param {{ delimiter: string, quote: string }} dialect
 * @returns {PlainFile}
 */
export function plainCsv(text, { delimiter, quote }) {
  const [head = [], ...rows] = csvRows(text.replace(/^\uFEFF/, ""), delimiter, quote);
  const at = head.findIndex((name) => isNumber(name.trim()));
  const kept = head.flatMap((name, index) => (isOwn(name.trim()) ? [] : [index]));
  const records = rows.filter((row) => row.length > 1 || row[0] !== "");
  const cell = (/** @type {string} */ one) =>
    quote !== "" && [delimiter, quote, "\n", "\r"].some((letter) => one.includes(letter))
      ? quote + one.replaceAll(quote, quote + quote) + quote
      : one;
  const line = (/** @type {string[]} */ row) => kept.map((index) => cell(row[index] ?? "")).join(delimiter);
  return {
    text: `${[head, ...records].map(line).join("\n")}\n`,
    numbers: records.map((row) => (at < 0 ? null : numberIn(row[at]))),
  };
}

/** @param {unknown} record */
function plainRecord(record) {
  if (typeof record !== "object" || record === null || Array.isArray(record)) return record;
  return Object.fromEntries(Object.entries(record).filter(([name]) => !isOwn(name)));
}

/** @param {unknown} record */
const numberOf = (record) => numberIn(Object.entries(Object(record)).find(([name]) => isNumber(name))?.[1]);

/**
 * @param {string} text
 * @param {"json" | "ndjson"} format
 * @returns {PlainFile} Throws SyntaxError.
 */
export function plainJson(text, format) {
  const records =
    format === "json"
      ? /** @type {unknown[]} */ ([parseExact(text)].flat())
      : text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [parseExact(line)]));
  const plain = records.map((record) => JSON.stringify(plainRecord(record)));
  return {
    text: format === "json" ? `[${plain.join(",")}]` : plain.map((line) => `${line}\n`).join(""),
    numbers: records.map(numberOf),
  };
}
