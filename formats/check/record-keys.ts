/**
 * The unique keys of records: what makes two records of a client the same one to its policy's `uniqueKey`.
 */
import { hash } from "node:crypto";
import { canonicalText, decimalOf } from "./decimal.ts";
import { replaceInexact } from "./exact-json.ts";
import { jsonValue } from "./json-value.ts";
import { deliveredNumber, holdsInexact } from "./number-text.ts";
import { RecordNumbers } from "./record-numbers.ts";

/** Hex digits of a key: 128 bits. All 256 would make the index half as dense, and its pages are what a key costs. */
const DIGITS = 32;

/**
 * The key of a record, given as its JSON text: the first half of the SHA-256 (hex) of the values of `fields`. A field is a property's name or,
 * where no property has that name, a path like `address.zip`. Null where one of them is absent or null: such a record is
 * equal to no other record (as in SQL). Texts and numbers differ (`"1"` and `1`), spellings of a number do not (`1.0` and `1`),
 * however many digits it has.
 */
export function recordKey(text: string, fields: readonly string[]): string | null {
  const numbers = holdsInexact(text) ? new RecordNumbers() : null;
  const record: unknown = jsonValue(numbers === null ? text : replaceInexact(text, (source) => numbers.add(source)));
  const parts: string[] = [];
  for (const field of fields) {
    const value = valueAt(record, field);
    if (value === undefined || value === null) return null;
    parts.push(canonical(value, numbers));
  }
  return hash("sha256", `[${parts.join(",")}]`, "hex").slice(0, DIGITS);
}

/** 64 bits. So two scopes of a client never collide by chance, and no scope equals the start of a key without a scope. */
const SCOPE_DIGITS = 16;

/**
 * The digits before the keys of a scope, such as a dataset. They differ with each creation of the dataset, so the same records
 * elsewhere have other keys.
 */
export const scopeDigits = (scope: string): string => hash("sha256", scope, "hex").slice(0, SCOPE_DIGITS);

/** The first and the last key that a scope may have. */
export function keyRange(scope: string): { from: string; to: string } {
  const digits = scopeDigits(scope);
  return { from: digits, to: digits + "f".repeat(DIGITS) };
}

/**
 * The key that the check of a batch reserves instead of a record's own key, which must stay free. It is as long as a key
 * without a scope.
 */
export const checkKey = (batchId: string, key: string): string =>
  hash("sha256", `check ${batchId} ${key}`, "hex").slice(0, DIGITS);

function valueAt(record: unknown, field: string): unknown {
  if (isObject(record) && Object.hasOwn(record, field)) return record[field];
  let value = record;
  for (const step of field.split(".")) {
    if (!isObject(value) || !Object.hasOwn(value, step)) return undefined;
    value = value[step];
  }
  return value;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** JSON with the members of objects in order of their names. */
function canonical(value: unknown, numbers: RecordNumbers | null): string {
  if (typeof value === "number") return canonicalNumber(value, numbers);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, numbers)).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name], numbers)}`).join(",")}}`;
}

/** Keys are kept for long: a number up to 2^53 is written as ever, a greater one as partners write it, without an exponent. */
function canonicalNumber(value: number, numbers: RecordNumbers | null): string {
  const source = numbers?.sourceOf(value);
  const held = source === undefined ? value : deliveredNumber(source);
  const isOrdinary = typeof held === "number" && Math.abs(held) <= Number.MAX_SAFE_INTEGER;
  return isOrdinary ? JSON.stringify(held) : canonicalText(decimalOf(String(held)));
}

/** The scope of the keys of a batch's corrections. */
export const marksScope = ({ first }: { first: number }): string => `corrections of batch ${first}`;

/**
 * The key of a rejected record. The record that corrects it takes this key. `id`: its batch; `first`: the first batch in a
 * chain of corrections.
 */
export const markKey = ({ id, first }: { id: number; first: number }, record: number): string =>
  scopeDigits(marksScope({ first })) + hash("sha256", `${id} ${record}`, "hex").slice(0, DIGITS);
