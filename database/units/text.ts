/** Replaces parameters, and row sets after FROM and JOIN, in a unit's SQL text by the words of a dialect. */
import { isUuid, storable } from "../rows.ts";
import { type RowSet, type Step, scalarsOf } from "./steps.ts";
import type { ParamKind, Plan, Walk } from "./unit.ts";

interface Words {
  param(name: string): string;
  /** The text for a row set, with its name as the alias. */
  rowSet(name: string): string;
}

const WORD = /'[^']*'|(?<![:\w]):(\w+)|\b(FROM|JOIN) (\w+)\b(?!\.)/g;

/** Throws for a parameter that the unit does not have. */
export function translated(text: string, plan: Plan, { param, rowSet }: Words): string {
  const sets = setsOf(plan.steps);
  const known = [
    "now",
    ...Object.keys(plan.params),
    ...plan.steps.flatMap((step) => (step.do === "remove" && step.countAs ? [step.countAs] : [])),
    ...plan.steps.flatMap((step) => scalarsOf(step).map(([value]) => value)),
  ];
  return text.replaceAll(WORD, (all, name?: string, word?: string, table?: string) => {
    if (name !== undefined) {
      if (!known.includes(name)) throw new Error(`The unit has no parameter :${name}.`);
      return param(name);
    }
    return table !== undefined && sets.has(table) ? `${word} ${rowSet(table)}` : all;
  });
}

/**
 * The text of a walk for dialects whose planner chooses the index by itself. `hint`: the text after the table's alias.
 */
export function plainWalk(of: Walk, hint = ""): string {
  const { equal, and } = of;
  const where = [
    ...equal.map(([column, value]) => `k.${column} = ${value}`),
    "k.id > :after",
    "k.id < :before",
    ...and,
  ];
  return `FROM batch AS k${hint} WHERE ${where.join(" AND ")} ORDER BY ${plainWalkOrder(of, "k")}`;
}

export const plainWalkOrder = ({ isOldestFirst }: Walk, of: string): string =>
  `${of}.id ${isOldestFirst ? "ASC" : "DESC"}`;

/** The row sets of a unit by name. */
export const setsOf = (steps: Step[]): Map<string, RowSet> =>
  new Map(steps.flatMap((step) => ("into" in step && step.into ? [[step.into.name, step.into] as const] : [])));

/**
 * The value of a parameter as every dialect sends it. Characters that a server would refuse are replaced. Hexadecimal digits
 * become bytes. A malformed UUID becomes NULL, which equals no id; in a list it is left out.
 */
export function storedValue(kind: ParamKind, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (kind === "uuid") return isUuid(value as string) ? value : null;
  if (kind === "uuids") return (value as string[]).filter(isUuid);
  if (kind === "name" || kind === "text") return storable(value as string);
  if (kind === "texts") return (value as string[]).map(storable);
  if (kind === "hash" || kind === "key") return typeof value === "string" ? Buffer.from(value, "hex") : value;
  return value;
}
