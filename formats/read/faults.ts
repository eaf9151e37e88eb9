/** Adds to the faults of records what helps to fix them: the column, the text found, and what is accepted. */

import { FALSE_WORDS, TRUE_WORDS } from "../check/text-conversion.ts";
import type { RecordFault } from "../formats.ts";
import type { CellPlan } from "./cell.ts";
import type { Plans } from "./plans.ts";
import { shownText } from "./shown.ts";

const KINDS = { date: "a date", time: "a time", "date-time": "a date and time" } as const;

/** The fault of a cell that matches none of the declared patterns. */
export const formatFault = ({ field, conversion: { dates, dateKind } }: CellPlan): RecordFault => ({
  field,
  code: "format",
  message: `must be ${KINDS[dateKind ?? "date"]} like ${dates.map((pattern) => pattern.example).join(" or ")}`,
});

/**
 * The faults of cells that are no value of their field, together with the schema's faults of other fields. Null: there are none.
 */
export function withSchemaFaults(wrong: RecordFault[], found: RecordFault[] | null): RecordFault[] | null {
  if (wrong.length === 0) return found;
  return [...wrong, ...(found ?? []).filter((fault) => !wrong.some(({ field }) => field === fault.field))];
}

/** The faults of a row, with its columns and cells. `kindOf`: what a cell is, that has a type of its own. */
export function withCells(
  faults: RecordFault[],
  { columns, places }: Plans,
  cells: readonly string[],
  kindOf: (place: number) => string | null = () => null,
): RecordFault[] {
  return faults.map(({ value: _, ...fault }) => {
    const place = placeOf(fault.field, places);
    const plan = columns[place];
    if (plan === undefined) return fault;
    const cell = cells[place];
    const isAbsent = fault.code === "required" || fault.code === "dependentRequired" || cell === undefined;
    return {
      ...fault,
      ...(plan.name !== fault.field && { column: plan.name.slice(0, MOST_NAME) }),
      message: TYPE_CODES.has(fault.code) ? typeMessage(fault.message, plan, kindOf(place)) : fault.message,
      ...(!isAbsent && { value: shownText(cell) }),
    };
  });
}

/** Characters of the name of a column. */
export const MOST_NAME = 255;
/** The codes of values that have another type, or fit none of several types. */
const TYPE_CODES: ReadonlySet<string> = new Set(["type", "anyOf", "oneOf"]);

/** The position of the field's column, or of the column of an outer field. −1: there is none. */
export function placeOf(field: string, places: ReadonlyMap<string, number>): number {
  for (
    let end = field.length;
    end > 0;
    end = Math.max(field.lastIndexOf(".", end - 1), field.lastIndexOf("[", end - 1))
  ) {
    const place = places.get(field.slice(0, end));
    if (place !== undefined) return place;
  }
  return -1;
}

/** Which texts a number or a boolean may be; of a cell that is no text, what it is. */
function typeMessage(message: string, { conversion }: CellPlan, kind: string | null): string {
  if (kind !== null) return `${message}; the cell holds a ${kind}`;
  const { numbers, kinds, words } = conversion;
  // No text of a cell is null.
  const wanted = message.replace(/ or null\b|\bnull or /, "");
  if (kinds?.number && wanted === "must be integer")
    return `must be a whole number like ${numbers?.example(true) ?? "1234"}`;
  if (kinds?.number && wanted === "must be number")
    return `must be a number like ${numbers?.example(false) ?? "1234.56"}`;
  if (!kinds?.boolean || wanted !== "must be boolean") return message;
  const [yes, no] = [true, false].map((value) => [...words].filter(([, one]) => one === value).map(([word]) => word));
  return `must be ${listed(yes ?? [...TRUE_WORDS])} for true, ${listed(no ?? [...FALSE_WORDS])} for false`;
}

const MOST_WORDS = 10;
const listed = (words: readonly string[]): string => words.slice(0, MOST_WORDS).join(", ");
