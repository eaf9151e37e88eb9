/** The text of any value for any column. */
import { type ColumnKind, ofType, type TargetColumn, type ToText, ValueFault } from "../target.ts";
import { decimalText, floatText, integerText } from "./numbers.ts";
import { booleanText, enumText, jsonText, otherText, textText, uuidText } from "./texts.ts";
import { dateText, timestampText, timestamptzText, timeText } from "./times.ts";

const byKind: Record<ColumnKind, ToText> = {
  text: textText,
  integer: integerText,
  decimal: decimalText,
  float: floatText,
  boolean: booleanText,
  date: dateText,
  time: timeText,
  timestamp: timestampText,
  timestamptz: timestamptzText,
  uuid: uuidText,
  json: jsonText,
  enum: enumText,
  array: arrayText,
  other: otherText,
};

/** The text that the server casts to the column's type, or why it cannot. The value is neither null nor undefined. */
export const columnText: ToText = (value, column) => byKind[column.kind](value, column);

/** PostgreSQL's notation: `{"a",NULL}`. What the catalog says of the column's bounds holds for each element. */
function arrayText(value: unknown, column: TargetColumn): string | ValueFault {
  if (!Array.isArray(value)) return ofType("a list");
  const element: TargetColumn = { ...column, kind: column.element ?? "other", element: null };
  const texts: string[] = [];
  for (const one of value) {
    const text = one === null ? null : elementText(one, element);
    if (text instanceof ValueFault) return new ValueFault(text.code, `has an element that ${text.message}`);
    texts.push(text === null ? "NULL" : `"${text.replace(/["\\]/g, "\\$&")}"`);
  }
  return `{${texts.join(",")}}`;
}

/** A list within a list is another dimension, which all items would need. */
const elementText: ToText = (value, element) =>
  Array.isArray(value) && element.kind !== "json" ? ofType("no list itself") : columnText(value, element);
