/** Texts, JSON and other values that a database takes as text. */
import { Digits } from "../../../formats/check/exact-record.ts";
import { ofType, type TargetColumn, type ToText, ValueFault } from "../target.ts";
import { numberText } from "./numbers.ts";

const REPLACEMENT = "\uFFFD";
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
/** One escape of JSON. U+0000 and halves of surrogate pairs, which JSON.stringify writes so, are no text to a database. */
const ESCAPE = /\\(?:u[\da-f]{4}|.)/g;
const NO_TEXT = /^\\u(?:0000|d[89a-f][\da-f]{2})$/;

/** No database accepts U+0000 or half a surrogate pair in a text. */
export const cleanText = (text: string): string =>
  (text.includes("\0") ? text.replaceAll("\0", REPLACEMENT) : text).toWellFormed();

/** The JSON text of a value. Its numbers keep their original digits. */
export function jsonText(value: unknown): string {
  const json = JSON.stringify(value);
  if (!json.includes("\\u")) return json;
  return json.replace(ESCAPE, (found) => (NO_TEXT.test(found) ? REPLACEMENT : found));
}

/** Any value as a text, before its length is looked at. */
export function plainText(value: unknown): string {
  if (typeof value === "string") return cleanText(value);
  if (typeof value === "number" || value instanceof Digits) return numberText(value);
  return jsonText(value);
}

export const textText: ToText = (value, { maxLength }) => {
  const text = plainText(value);
  return maxLength === null ? text : (lengthFault(text, maxLength) ?? text);
};

function lengthFault(text: string, { units, most }: NonNullable<TargetColumn["maxLength"]>): ValueFault | null {
  if (lengthOf(text, units, most) <= most) return null;
  const unit = units === "bytes" ? "bytes" : "characters";
  return new ValueFault("maxLength", `must not have more than ${most} ${unit}`);
}

function lengthOf(text: string, units: NonNullable<TargetColumn["maxLength"]>["units"], most: number): number {
  if (units === "bytes") return Buffer.byteLength(text);
  // Code points are no more than UTF-16 units, which cost nothing to count.
  return units === "utf-16" || text.length <= most ? text.length : Array.from(text).length;
}

export const uuidText: ToText = (value) =>
  typeof value === "string" && UUID.test(value)
    ? value.toLowerCase()
    : ofType("a UUID like 0193a1c2-7d4e-7b60-8f3a-2c5d9e0b1a47");

export const booleanText: ToText = (value) =>
  value === true || value === "true" || value === false || value === "false" ? String(value) : ofType("true or false");

const MOST_LISTED = 10;

export const enumText: ToText = (value, { values }) => {
  const all = values ?? [];
  if (typeof value === "string" && all.includes(value)) return value;
  const listed = all.slice(0, MOST_LISTED).map((one) => JSON.stringify(one));
  const more = all.length > MOST_LISTED ? ` and ${all.length - MOST_LISTED} more` : "";
  return ofType(`one of ${listed.join(", ")}${more}`);
};

/** For a type that only the server knows. The server checks the text. */
export const otherText: ToText = (value, column) =>
  typeof value === "object" && !(value instanceof Digits) ? ofType("a text or a number") : textText(value, column);
