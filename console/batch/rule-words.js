/** What has changed in the rules of a dataset, in words: `amount: minimum 1 → 0`. */
import { labelOf } from "../editor/fields.js";
import { partsOf } from "../editor/pointers.js";

/**
 * @typedef {object} ChangedRule
 * @property {string} what `amount: minimum`, `Most rejected records`
 * @property {string} before
 * @property {string} after
 */

/** @param {unknown} value */
const textOf = (value) =>
  value === null || value === undefined ? "none" : typeof value === "string" ? value : JSON.stringify(value);

/** Parts of a schema's pointers that are no names of fields. */
const between = new Set(["properties", "items", "patternProperties", "$defs", "definitions"]);

/** @param {string[]} parts below `/schema` */
function schemaWords(parts) {
  const keyword = parts.at(-1) ?? "";
  const isField = between.has(parts.at(-2) ?? "") && parts.at(-2) !== "items";
  const fields = (isField ? parts : parts.slice(0, -1)).filter(
    (part, index) => !between.has(part) || between.has(parts[index - 1] ?? ""),
  );
  if (isField) return fields.join(".");
  return fields.length === 0 ? `the record: ${keyword}` : `${fields.join(".")}: ${keyword}`;
}

/** @param {string} pointer */
function wordsOf(pointer) {
  const [first = "", ...rest] = partsOf(pointer);
  if (first === "schema" && rest.length > 0) return schemaWords(rest);
  return [labelOf(first), ...rest].join(", ");
}

/**
 * @param {Record<string, unknown>} changes by pointer: the values before and after
 * @returns {{ rules: ChangedRule[], more: number }} `more`: how many further rules differ
 */
export function ruleWords(changes) {
  const rules = Object.entries(changes).flatMap(([pointer, values]) => {
    if (!Array.isArray(values)) return [];
    const [before, after] = values;
    return { what: wordsOf(pointer), before: textOf(before), after: textOf(after) };
  });
  return { rules, more: typeof changes.truncated === "number" ? changes.truncated : 0 };
}
