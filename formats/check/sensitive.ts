/** Keeps the values of sensitive fields out of everything that is shown of a record. */
import type { RecordFault } from "./fault-bounds.ts";

/** The text that replaces a value that is not shown. */
export const MASK = "•••";

/** Paths of fields: `iban`, `person.taxId`. */
export type Sensitive = readonly string[];

/** Whether a field is the one at `path`, or lies in it. */
export const isWithin = (field: string, path: string): boolean =>
  field.startsWith(path) && (field.length === path.length || field[path.length] === "." || field[path.length] === "[");

/** Whether the field is sensitive, lies in a sensitive one, or has one in it. */
export const isSensitive = (field: string, sensitive: Sensitive): boolean =>
  sensitive.some((path) => isWithin(field, path) || isWithin(path, field));

/** The fault as it is kept and shown. */
export const maskedFault = (fault: RecordFault, sensitive: Sensitive): RecordFault =>
  fault.value !== undefined && isSensitive(fault.field, sensitive) ? { ...fault, value: MASK } : fault;

/** The text without the sensitive values of these records, wherever it quotes one. `true` and `false` are words of any text, and stay. */
export function withoutValues(text: string, records: readonly unknown[], sensitive: Sensitive): string {
  const found = new Set<string>();
  for (const record of records) for (const path of sensitive) collect(valueAt(record, path), found);
  // A value may contain a shorter one.
  const longestFirst = [...found].sort((a, b) => b.length - a.length);
  return longestFirst.reduce((rest, value) => rest.replaceAll(value, MASK), text);
}

/** The value of a field. As in `uniqueKey`, a path with dots is first tried as a name. */
function valueAt(record: unknown, path: string): unknown {
  if (typeof record !== "object" || record === null) return undefined;
  if (Object.hasOwn(record, path)) return (record as Record<string, unknown>)[path];
  let found: unknown = record;
  for (const step of path.split(".")) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Record<string, unknown>)[step];
  }
  return found;
}

function collect(value: unknown, found: Set<string>): void {
  if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) collect(inner, found);
  else if (value !== "" && (typeof value === "string" || typeof value === "number")) found.add(String(value));
}
