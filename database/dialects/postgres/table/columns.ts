/** The planned columns of a table as PostgreSQL writes them. */
import { isNewer, type Part as SharedPart, partsOf as shared } from "../../../targets/staged.text.ts";
import type { TablePlan } from "../../../targets/target.ts";
import type { Traits } from "./traits.ts";

/**
 * Types without their length. A cast to a type with a length would silently cut a text that is too long. Writing the
 * value checks the column's own length.
 */
const PLAIN: [RegExp, string][] = [
  [/^character varying\(\d+\)$/, "character varying"],
  [/^character(\(\d+\))?$/, "bpchar"],
  [/^numeric\(\d+,-?\d+\)$/, "numeric"],
  [/^(time|timestamp)\(\d\)( with(out)? time zone)$/, "$1$2"],
  [/^bit(\(\d+\))?$/, "bit varying"],
  [/^bit varying\(\d+\)$/, "bit varying"],
  // The cast goes by `numeric`, because a text would be read with the decimal point of the server's locale.
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
  /** The type to which the staged text is cast. */
  type: string;
}

export const partsOf = (plan: TablePlan): Part[] =>
  shared(plan).map((part) => ({ ...part, type: plainType(part.column.type) }));

/** The key of a staged row, with the collations of the unique index. */
export const keyOf = (parts: Part[], { collations }: Traits): string =>
  parts
    .filter(({ isKey }) => isKey)
    .map(({ i, column }) => (collations[column.name] ? `s.c${i} COLLATE ${collations[column.name]}` : `s.c${i}`))
    .join(", ");

/** Whether the record is newer than the row, as a boolean expression that is never NULL. */
export const isFresh = (plan: TablePlan, parts: Part[], of: string): string =>
  `coalesce(${isNewer(plan, parts, of)}, false)`;

/**
 * The staged rows as a FROM clause, with texts `p`, `c0`, … and a number `n` that starts at 2. `from`: SQL expressions
 * for the texts, in order. The texts are parameters that the server splits into rows. So no temporary table is needed,
 * which would leave dead rows in the catalog with each chunk, and the SQL is the same for any number of rows.
 */
export const stagedFrom = (from: string[], parts: Part[], [separator, nothing]: [string, string]): string =>
  `ROWS FROM (${from.map((text) => `string_to_table(${text}, ${separator}, ${nothing})`).join(", ")})
    WITH ORDINALITY AS x(p, ${parts.map(({ i }) => `c${i}`).join(", ")}, n)`;
