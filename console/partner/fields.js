/** The fields of a dataset, as its schema describes them, and how a typed text becomes a value of a field. */

/** @import { OwnDataset } from "../types.d.ts" */

/**
 * @typedef {object} FieldRule a part of a JSON Schema
 * @property {string | string[]} [type]
 * @property {unknown[]} [enum]
 * @property {string} [description]
 * @property {string} [format]
 * @property {Record<string, FieldRule>} [properties]
 * @property {string[]} [required]
 * @property {FieldRule} [items]
 * @property {string} [$ref]
 * @property {string} [title]
 */

/** @param {any} schema @param {FieldRule | undefined} rule @returns {FieldRule} */
function resolved(schema, rule) {
  const { $ref } = rule ?? {};
  if (!$ref?.startsWith("#/")) return rule ?? {};
  const found = $ref
    .slice(2)
    .split("/")
    .reduce((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], schema);
  return found?.$ref ? {} : (found ?? {});
}

/** @param {FieldRule} rule */
export const typesOf = ({ type }) => (type === undefined ? [] : [type].flat());

/**
 * The rule of a field by its path, such as `person.name`.
 * @param {any} schema
 * @param {string} field
 * @returns {FieldRule}
 */
export function ruleOf(schema, field) {
  let rule = resolved(schema, schema);
  for (const name of field.split(".")) rule = resolved(schema, rule.properties?.[name]);
  return rule;
}

/**
 * All fields, including the fields of inner objects.
 * @param {any} schema
 * @returns {{ name: string, rule: FieldRule, isRequired: boolean }[]}
 */
export function fieldsOf(schema, prefix = "", rule = resolved(schema, schema), depth = 0) {
  return Object.entries(rule.properties ?? {}).flatMap(([name, given]) => {
    const own = resolved(schema, given);
    const isRequired = rule.required?.includes(name) ?? false;
    const whole = { name: prefix + name, rule: own, isRequired };
    if (!own.properties || depth > 4) return [whole];
    return fieldsOf(schema, `${prefix}${name}.`, own, depth + 1);
  });
}

/**
 * Finds the field that a column fills, by the column's title or name. Upper and lower case are the same.
 * @param {OwnDataset} dataset
 * @returns {(column: string) => string}
 */
export function fieldNamer({ read, schema }) {
  const fold = (/** @type {string} */ name) => name.trim().toLowerCase();
  const names = new Map();
  for (const { name } of fieldsOf(schema)) names.set(fold(name), name);
  for (const [name, { titles }] of Object.entries(read?.fields ?? {}))
    for (const title of [name, ...(titles ?? [])]) names.set(fold(title), name);
  return (column) => names.get(fold(column)) ?? column;
}

/** @type {Record<string, string>} */
const yesNo = { true: "true", yes: "true", false: "false", no: "false" };

/**
 * A typed text as JSON for a field with this rule. A number keeps its digits.
 * @param {string} text
 * @param {FieldRule} rule
 * @returns {{ json: string } | { fault: string }} `json` "null" removes the value
 */
export function jsonOf(text, rule) {
  if (text.trim() === "") return { json: "null" };
  const same = rule.enum?.find((value) => String(value) === text);
  if (same !== undefined) return { json: JSON.stringify(same) };
  const types = typesOf(rule);
  const trimmed = text.trim();
  const isNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(trimmed);
  if (types.some((type) => type === "number" || type === "integer")) {
    if (isNumber) return { json: trimmed };
    if (!types.includes("string")) return { fault: "write a number, such as 1234.5" };
  }
  if (types.includes("boolean") && !types.includes("string")) {
    const word = yesNo[trimmed.toLowerCase()];
    return word ? { json: word } : { fault: "write true or false" };
  }
  return { json: JSON.stringify(text) };
}

/**
 * The merge patch of one record, as JSON.
 * @param {[field: string, json: string][]} changes
 */
export function patchOf(changes) {
  /** @type {Map<string, any>} */
  const top = new Map();
  for (const [field, json] of changes) {
    const path = field.split(".");
    const last = path.pop() ?? "";
    let at = top;
    for (const name of path) {
      const next = at.get(name) ?? new Map();
      at.set(name, next);
      at = next;
    }
    at.set(last, json);
  }
  return written(top);
}

/** @param {Map<string, any>} level @returns {string} */
const written = (level) =>
  `{${[...level].map(([name, value]) => `${JSON.stringify(name)}:${typeof value === "string" ? value : written(value)}`).join(",")}}`;
