/** The JSON Schema of the edited document, taken from the API's own OpenAPI document. */
import { get } from "../api/client.js";
import { isObject } from "./pointers.js";

/**
 * @typedef {object} Schema the keywords of JSON Schema that the form understands
 * @property {string | string[]} [type]
 * @property {unknown[]} [enum]
 * @property {string} [title]
 * @property {string} [description]
 * @property {unknown} [default]
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {number} [minLength]
 * @property {number} [maxLength]
 * @property {number} [maxItems]
 * @property {string} [pattern]
 * @property {string} [format]
 * @property {Schema} [items]
 * @property {Record<string, Schema>} [properties]
 * @property {boolean | Schema} [additionalProperties]
 * @property {string[]} [required]
 * @property {Schema[]} [anyOf]
 */

/** @type {Promise<any> | undefined} */
let reading;

/** @param {"policy" | "dataset"} kind @returns {Promise<Schema>} Throws ApiProblem. */
export async function schemaOf(kind) {
  reading ??= get("/openapi.json");
  try {
    const { components } = await reading;
    return components.schemas[kind === "policy" ? "PolicyInput" : "DatasetInput"];
  } catch (error) {
    reading = undefined;
    throw error;
  }
}

/** @param {Schema} schema @returns {string[]} */
export const typesOf = ({ type }) => (type === undefined ? [] : Array.isArray(type) ? type : [type]);

/** @param {Schema} schema */
export const isNullable = (schema) =>
  typesOf(schema).includes("null") || (schema.anyOf ?? []).some((one) => typesOf(one).includes("null"));

/** The schema without the alternative null. @param {Schema} schema @returns {Schema} */
export function solid(schema) {
  if (schema.anyOf) {
    const left = schema.anyOf.filter((one) => !typesOf(one).includes("null"));
    const [only] = left;
    return left.length === 1 && only
      ? { ...schema, ...only, ...(only.anyOf ? {} : { anyOf: undefined }) }
      : { ...schema, anyOf: left };
  }
  const types = typesOf(schema).filter((type) => type !== "null");
  return types.length === typesOf(schema).length ? schema : { ...schema, type: types.length === 1 ? types[0] : types };
}

/** A first value for a field that had none. @param {Schema} schema @returns {unknown} */
export function startOf(schema) {
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  const known = solid(schema);
  if (known.enum) return known.enum[0];
  const [type] = typesOf(known);
  if (type === "object") {
    const names = known.required ?? [];
    return Object.fromEntries(names.map((name) => [name, startOf(known.properties?.[name] ?? {})]));
  }
  if (type === "array" || known.anyOf) return [];
  if (type === "integer" || type === "number") return known.minimum ?? 0;
  if (type === "boolean") return false;
  return known.pattern?.includes("[01]\\d") ? "00:00" : "";
}

/** All the defaults of a whole document. @param {Schema} schema @returns {Record<string, unknown>} */
export const defaultsOf = ({ properties = {} }) =>
  Object.fromEntries(Object.entries(properties).map(([name, { default: usual }]) => [name, usual]));

/** The paths of the fields of records, as their schema has them. @param {unknown} schema @returns {string[]} */
export function fieldsOf(schema) {
  if (!isObject(schema) || !isObject(schema.properties)) return [];
  return Object.keys(schema.properties);
}

/** The limits in words: "1 to 1,000", "up to 100 characters". @param {Schema} schema */
export function boundsOf({ minimum, maximum, maxLength, maxItems }) {
  const whole = new Intl.NumberFormat();
  // A larger maximum says nothing to a reader.
  const most = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (minimum !== undefined && most !== undefined) return `${whole.format(minimum)} to ${whole.format(most)}`;
  if (minimum !== undefined) return `${whole.format(minimum)} or more`;
  if (most !== undefined) return `up to ${whole.format(most)}`;
  if (maxLength !== undefined && maxLength > 100) return `up to ${whole.format(maxLength)} characters`;
  return maxItems === undefined ? "" : `up to ${whole.format(maxItems)}`;
}
