/** Converts a workbook's cell that has a type of its own. `read` converts only texts. */
import type { RecordNumbers } from "../check/record-numbers.ts";
import { cellNumber } from "../check/text-conversion.ts";
import type { RecordValidator } from "../formats.ts";
import type { Cell } from "../xlsx/sheet.ts";
import { type CellPlan, dateKindOf } from "./cell.ts";
import { fieldsOf } from "./fields.ts";

/** Whether the field is a time of day. RFC 3339 and JSON Schema require an offset for it. */
const TIMES = "time of day";
const ELAPSED = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)((?:\.\d+)?)S)?$/;

/**
 * The types that a schema allows for a column's values, or for their items if cells are lists. For a property that it does not
 * name: the types of a matching pattern, or of all other properties.
 */
export function typesOf({ path, isList }: CellPlan, validator: RecordValidator): ReadonlySet<unknown> {
  if (path === null) return new Set();
  const nodes = fieldsOf(validator.schema).at(path, isList);
  if (nodes.length === 0 && path.length === 1 && !isList) return validator.typesOf(path[0] as string);
  const types = nodes.flatMap(({ type }) => type ?? []);
  return new Set(dateKindOf(nodes) === "time" ? [...types, TIMES] : types);
}

/** A text field takes a number's digits, `true` and `false`. A value that fits no type stays, and the schema refuses it. */
export function typedValue(
  cell: Cell,
  { isList }: CellPlan,
  types: ReadonlySet<unknown>,
  numbers: RecordNumbers,
): unknown {
  const value = typedOf(cell, types, numbers);
  return isList ? [value] : value;
}

function typedOf({ kind, text }: Cell, types: ReadonlySet<unknown>, numbers: RecordNumbers): unknown {
  switch (kind) {
    case "number":
      return isTextFor(types, "number", "integer") ? text : (cellNumber(text, numbers) ?? text);
    case "boolean":
      return isTextFor(types, "boolean") ? text : text === "true";
    case "time":
      return types.has(TIMES) ? `${text}Z` : text;
    case "duration":
      return types.has(TIMES) ? (timeOfDay(text) ?? text) : text;
    default:
      return text;
  }
}

const isTextFor = (types: ReadonlySet<unknown>, ...own: string[]): boolean =>
  types.has("string") && !own.some((type) => types.has(type));

/** Elapsed time of less than a day, with which many write a time of day. */
function timeOfDay(duration: string): string | null {
  const [all, hours = "0", minutes = "0", seconds = "0", parts = ""] = ELAPSED.exec(duration) ?? [];
  if (all === undefined || Number(hours) >= 24) return null;
  return `${[hours, minutes, seconds].map((part) => part.padStart(2, "0")).join(":")}${parts}Z`;
}
