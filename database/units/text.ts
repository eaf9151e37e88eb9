/** The mini-language of units into a dialect's text: its parameters, and the tables and row sets after FROM and JOIN. */
import { isUuid, storable } from "../text.ts";
import type { RowSet, Step } from "./steps.ts";
import type { ParamKind, Plan } from "./unit.ts";

interface Words {
  param(name: string): string;
  /** What stands for a row set, with its own name as alias. */
  rowSet(name: string): string;
}

const WORD = /'[^']*'|(?<![:\w]):(\w+)|\b(FROM|JOIN) (\w+)\b(?!\.)/g;

/** Throws for a parameter that the unit does not have. */
export function translated(text: string, plan: Plan, { param, rowSet }: Words): string {
  const sets = setsOf(plan.steps);
  const counts = plan.steps.map((step) => (step.do === "remove" ? step.countAs : undefined));
  return text.replaceAll(WORD, (all, name?: string, word?: string, table?: string) => {
    if (name !== undefined) {
      if (name !== "now" && !counts.includes(name) && !Object.hasOwn(plan.params, name))
        throw new Error(`The unit has no parameter :${name}.`);
      return param(name);
    }
    return table !== undefined && sets.has(table) ? `${word} ${rowSet(table)}` : all;
  });
}

/** The row sets of a unit by name. */
export const setsOf = (steps: Step[]): Map<string, RowSet> =>
  new Map(steps.flatMap((step) => ("into" in step && step.into ? [[step.into.name, step.into] as const] : [])));

/**
 * A value as it is stored, whatever the dialect: text that every server takes, bytes as bytes. What is no id is NULL, which no
 * id equals, and is not among ids.
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
