/** The planned columns of a table as PostgreSQL writes them. */
import { isNewer, type Part as SharedPart, partsOf as shared } from "../../../targets/staged.text.ts";
import type { TablePlan } from "../../../targets/target.ts";
import type { Traits } from "./traits.ts";

/** Types without a length: with one a cast would cut what is too long. What is written is cast to the column's own. */
const PLAIN: [RegExp, string][] = [
  [/^character varying\(\d+\)$/, "character varying"],
  [/^character(\(\d+\))?$/, "bpchar"],
  [/^numeric\(\d+,-?\d+\)$/, "numeric"],
  [/^(time|timestamp)\(\d\)( with(out)? time zone)$/, "$1$2"],
  [/^bit(\(\d+\))?$/, "bit varying"],
  [/^bit varying\(\d+\)$/, "bit varying"],
  // A text would be read with the decimal point of the server's locale. A number has no locale.
  [/^money$/, "numeric::money"],
];

export function plainType(type: string): string {
  const array = type.endsWith("[]") ? "[]" : "";
  const element = type.slice(0, type.length - array.length);
  const [pattern, plain] = PLAIN.find(([one]) => one.test(element)) ?? [/.*/, element];
  return element.replace(pattern, plain).replaceAll(/(?=::)|$/g, array);
}

/** A planned column in a statement. */
export interface Part extends SharedPart {
  /** What the staged text is cast to. */
  type: string;
}

export const partsOf = (plan: TablePlan): Part[] =>
  shared(plan).map((part) => ({ ...part, type: plainType(part.column.type) }));

/** The staged key as the unique index compares it. */
export const keyOf = (parts: Part[], { collations }: Traits): string =>
  parts
    .filter(({ isKey }) => isKey)
    .map(({ i, column }) => (collations[column.name] ? `s.c${i} COLLATE ${collations[column.name]}` : `s.c${i}`))
    .join(", ");

/** Whether the record is newer than the row, as a value: never NULL. */
export const isFresh = (plan: TablePlan, parts: Part[], of: string): string =>
  `coalesce(${isNewer(plan, parts, of)}, false)`;

/**
 * The staged rows as a FROM clause with texts `p`, `c0`, … and the number `n` from 2. `from`: the texts in order, as SQL. They
 * are parameters, which the server cuts into rows. So they need no temporary table, whose making would leave dead rows in the
 * catalog with each chunk, and their text is the same for any number of rows.
 */
export const stagedFrom = (from: string[], parts: Part[], [separator, nothing]: [string, string]): string =>
  `ROWS FROM (${from.map((text) => `string_to_table(${text}, ${separator}, ${nothing})`).join(", ")})
    WITH ORDINALITY AS x(p, ${parts.map(({ i }) => `c${i}`).join(", ")}, n)`;
