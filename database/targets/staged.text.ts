/**
 * Parts of the statements that write staged rows, as every SQL server takes them. `t` is the table; `of` is the staged row: `n` is
 * its rank, `p` its pattern, and `c0`, `c1`, … are its planned columns.
 */
import type { TableRow } from "../../services/batch/batch.table.domain.ts";
import { quotedIn } from "./names.ts";
import { type Pattern, patternsOf } from "./stage.ts";
import type { PlannedColumn, TablePlan } from "./target.ts";

/** A planned column in a statement. */
export interface Part extends PlannedColumn {
  /** The column's number among the planned columns. Staged rows call the column `c<i>`. */
  i: number;
  /** The column's quoted name. */
  name: string;
  isKey: boolean;
}

export const partsOf = ({ columns, key, table }: TablePlan): Part[] =>
  columns.map((planned, i) => ({
    ...planned,
    i,
    name: quotedIn(table.dialect, planned.column.name),
    isKey: key.includes(planned.column.name),
  }));

/** True and false as conditions, because not every server has boolean literals. */
export const ALWAYS = "1 = 1";
export const NEVER = "1 = 0";

/** Whether the staged row is of one of these patterns, as a condition. */
export function isOneOf(patterns: Pattern[], wanted: (pattern: Pattern) => boolean, of: string): string {
  const numbers = patterns.flatMap((pattern, no) => (wanted(pattern) ? [no] : []));
  if (numbers.length === 0) return NEVER;
  return numbers.length === patterns.length ? ALWAYS : `${of}.p IN (${numbers.join()})`;
}

export const isKept = ({ isDelete }: Pattern): boolean => !isDelete;

export const isSameKey = (parts: Part[], of: string): string =>
  parts
    .filter(({ isKey }) => isKey)
    .map(({ name, i }) => `t.${name} = ${of}.c${i}`)
    .join(" AND ");

/** Whether the record is newer than the row, as a condition. */
export function isNewer({ newer }: TablePlan, parts: Part[], of: string): string {
  const part = parts.find(({ column }) => column.name === newer?.column.name);
  if (!part) return ALWAYS;
  return `${of}.c${part.i} IS NOT NULL AND (t.${part.name} IS NULL OR t.${part.name} < ${of}.c${part.i})`;
}

/** What an update sets; null: there is nothing but the key. */
export function assignments(plan: TablePlan, parts: Part[], patterns: Pattern[], of: string): string | null {
  const sets = parts
    .filter(({ isKey }) => !isKey)
    .map(({ name, i }) => {
      const isAbsent = isOneOf(patterns, (pattern) => isKept(pattern) && pattern.absent.has(i), of);
      if (plan.absent === "null" || isAbsent === NEVER) return `${name} = ${of}.c${i}`;
      return `${name} = CASE WHEN ${isAbsent} THEN t.${name} ELSE ${of}.c${i} END`;
    });
  return sets.length === 0 ? null : sets.join(", ");
}

/** New rows of these patterns: the columns `left` out get their own defaults. */
export interface InsertGroup {
  left: ReadonlySet<number>;
  of: Pattern[];
}

/** An INSERT for each combination of columns that are left out. */
export function insertGroups(parts: Part[], patterns: Pattern[]): InsertGroup[] {
  const groups = new Map<string, InsertGroup>();
  for (const pattern of patterns.filter(isKept)) {
    const left = parts.flatMap(({ i, column }) => (column.hasDefault && pattern.absent.has(i) ? [i] : []));
    const group = groups.get(left.join()) ?? { left: new Set(left), of: [] };
    group.of.push(pattern);
    groups.set(left.join(), group);
  }
  return [...groups.values()];
}

/** The most runs into which a chunk is cut when the order of its rows matters. Each run costs statements of its own. */
const MOST_RUNS = 8;

/**
 * For rows whose order matters: cuts their positions into runs. All new rows of a run leave out the same columns,
 * because each combination of left-out columns needs its own statement. Null: there are too many runs.
 */
export function runsOf(parts: Part[], rows: TableRow[], { mode }: TablePlan): number[][] | null {
  const all = [...rows.keys()];
  if (mode === "update" || mode === "delete") return [all];
  const { patterns, numbers } = patternsOf(rows);
  const groups = insertGroups(parts, patterns);
  if (groups.length < 2) return [all];
  const groupOf = patterns.map((pattern) => groups.find(({ of }) => of.includes(pattern)));
  const runs: number[][] = [[]];
  let last: InsertGroup | undefined;
  for (const at of all) {
    const group = groupOf[numbers[at] as number];
    // A record that deletes its row inserts none.
    if (last && group && group !== last) runs.push([]);
    last = group ?? last;
    runs.at(-1)?.push(at);
  }
  return runs.length > MOST_RUNS ? null : runs;
}
