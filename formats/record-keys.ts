/**
 * The unique keys of records: what makes two records of a client the same one to its policy's `uniqueKey`.
 */
import { hash } from "node:crypto";

/** Of JSON.parse with source text access (V8 11.4), which TypeScript does not know yet. */
type ParseWithSource = (
  text: string,
  reviver: (name: string, value: unknown, context: { source?: string }) => unknown,
) => unknown;

/** Hex digits of a key: 128 bits. All 256 would make the index half as dense, and its pages are what a key costs. */
const DIGITS = 32;

/**
 * The key of a record, given as its JSON text: the first half of the SHA-256 (hex) of the values of `fields`. A field is a property's name or,
 * where no property has that name, a path like `address.zip`. Null where one of them is absent or null: such a record is
 * like no other (as in SQL). Texts and numbers differ (`"1"` and `1`), spellings of a number do not (`1.0` and `1`).
 */
export function recordKey(text: string, fields: readonly string[]): string | null {
  const parts: string[] = [];
  let record = JSON.parse(text) as unknown;
  let isExact = false;
  for (const field of fields) {
    let value = valueAt(record, field);
    if (value === undefined || value === null) return null;
    if (!isExact && holdsInexact(value)) {
      record = exactly(text);
      isExact = true;
      value = valueAt(record, field);
    }
    parts.push(canonical(value));
  }
  return hash("sha256", `[${parts.join(",")}]`, "hex").slice(0, DIGITS);
}

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

/** Read as doubles, two ids beyond 2^53 would be the same one, and the second record lost. */
const isInexact = (value: unknown) => typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER;

function holdsInexact(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return isInexact(value);
  return Object.values(value).some(holdsInexact);
}

/** Numbers beyond the exact ones, by the digits that they came with. */
class Digits {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

const exactly = (text: string): unknown =>
  (JSON.parse as ParseWithSource)(text, (_name, value, { source }) =>
    isInexact(value) ? new Digits(source ?? String(value)) : value,
  );

/** JSON with the members of objects in order of their names. */
function canonical(value: unknown): string {
  if (value instanceof Digits) return value.source;
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}
