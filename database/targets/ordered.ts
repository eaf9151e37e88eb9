/** Decides whether rows of a table can be written all at once. */
import type { TablePlan } from "./target.ts";

/** The rules of the table that matter for it. */
export interface Rules {
  refersToItself: boolean;
  /** Columns of unique indexes and exclusion constraints. Null: some are expressions. */
  unique: (string | null)[][];
}

/**
 * Whether a chunk at once could differ from its rows one by one: the table refers to itself, or a change may give a value to
 * another row that has to be unique.
 */
export function isOrdered({ refersToItself, unique }: Rules, { mode, key, columns }: TablePlan): boolean {
  if (refersToItself) return true;
  if (mode === "insert" || mode === "ignore" || mode === "delete") return false;
  const written = new Set(columns.map(({ column }) => column.name));
  const isKey = (of: (string | null)[]) => of.length === key.length && of.every((name) => name && key.includes(name));
  return unique.some((of) => !isKey(of) && of.some((name) => name === null || written.has(name)));
}
