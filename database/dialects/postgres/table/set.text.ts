/**
 * SQL that writes staged rows to the table, all at once. Existing rows are locked and changed, other rows are inserted.
 * ON CONFLICT DO UPDATE is not used: it takes a value of a sequence, and fires the triggers of an insert, for each row
 * that it updates.
 */
import type { Pattern, Stage } from "../../../targets/stage.ts";
import { assignments, insertGroups, isKept, isOneOf, isSameKey, NEVER } from "../../../targets/staged.text.ts";
import type { TablePlan } from "../../../targets/target.ts";
import { isFresh, keyOf, type Part, stagedFrom } from "./columns.ts";
import { type Traits, tableOf } from "./traits.ts";

/**
 * How many INSERTs a statement may have: one for each combination of columns that rows leave out. With more, rows are
 * written one by one.
 */
const MOST_INSERTS = 8;

/** Whether rows of all these patterns can be inserted at once. */
export function fitsAtOnce(parts: Part[], patterns: Pattern[]): boolean {
  const groups = insertGroups(parts, patterns);
  return groups.length <= MOST_INSERTS && groups.every(({ left }) => left.size < parts.length);
}

/** The answer of the statement. `passed`, `missing` and `later` are ranks. */
export interface SetAnswer {
  created: number;
  updated: number;
  deleted: number;
  /** How many rows would be written if no trigger and no rule swallowed one. */
  due: number;
  passed: number[];
  missing: number[];
  /** Rows whose key an earlier row has. A later statement writes them. */
  later: number[];
}

/**
 * The condition for the first row of each key. With `= 1` PostgreSQL would expect few rows, and scan them all for each
 * row.
 */
const FIRST = "s.round < 2";

const ranks = (from: string) => `(SELECT coalesce(json_agg(n ORDER BY n), '[]') FROM ${from})`;
const count = (from: string) => `(SELECT count(*)::int FROM ${from})`;
const NONE = "'[]'::json";

/** The parameters: `$1` the separator, `$2` the text that stands for NULL, then the texts of the rows. */
export const setValues = ({ separator, nothing, texts }: Stage): unknown[] => [separator, nothing, ...texts];

/**
 * The statement of mode `insert`. It reads no row twice, so it stages no copy of the rows, which saves a third of the
 * time. The command tag has the number of rows. `left`: the columns that all rows leave out.
 */
export const insertAllText = (plan: TablePlan, parts: Part[], left: ReadonlySet<number>, stage: Stage): string =>
  insertText(plan, parts, left, "s", ` FROM (${castRows(parts, stage)}) s ORDER BY s.n`);

/** The statement of the modes other than `insert`. */
export function setText(plan: TablePlan, parts: Part[], traits: Traits, stage: Stage): string {
  const round = `row_number() OVER (PARTITION BY ${keyOf(parts, traits)} ORDER BY s.n)`;
  const staged = `staged AS MATERIALIZED (SELECT s.*, ${round} AS round FROM (${castRows(parts, stage)}) s)`;
  const { patterns } = stage;
  return `WITH ${[staged, ...byKey(plan, parts, patterns)].join(",\n")}\n${answer(plan, parts, patterns)}`;
}

/** The staged rows as a SELECT, with values of the types of their columns. */
function castRows(parts: Part[], { texts }: Stage): string {
  const from = stagedFrom(
    texts.map((_text, i) => `$${i + 3}::text`),
    parts,
    ["$1::text", "$2::text"],
  );
  const casts = parts.map(({ i, type }) => `x.c${i}::${type} AS c${i}`).join(", ");
  return `SELECT (x.n - 2)::int AS n, x.p::int AS p, ${casts} FROM ${from} WHERE x.n > 1`;
}

/** CTE `locked`: the existing rows with the keys of the records, and whether the record may change each. */
function lockedCte(plan: TablePlan, parts: Part[], patterns: Pattern[]): string {
  const deletes = patterns.some(({ isDelete }) => isDelete);
  const lock = plan.mode === "ignore" ? "" : `FOR ${deletes ? "" : "NO KEY "}UPDATE OF t`;
  return `locked AS MATERIALIZED (SELECT s.*, ${isFresh(plan, parts, "s")} AS fresh
    FROM staged s JOIN ${tableOf(plan.table)} t ON ${isSameKey(parts, "s")} WHERE ${FIRST}
    ORDER BY ${parts.flatMap(({ isKey, name }) => (isKey ? [`t.${name}`] : [])).join(", ")} ${lock})`;
}

function byKey(plan: TablePlan, parts: Part[], patterns: Pattern[]): string[] {
  const inserts = plan.mode === "ignore" || plan.mode === "upsert";
  return [
    lockedCte(plan, parts, patterns),
    ...updated(plan, parts, patterns),
    ...removed(plan, parts, patterns),
    ...(inserts ? inserted(plan, parts, patterns) : []),
  ];
}

function updated(plan: TablePlan, parts: Part[], patterns: Pattern[]): string[] {
  if ((plan.mode !== "upsert" && plan.mode !== "update") || !patterns.some(isKept)) return [];
  const sets = assignments(plan, parts, patterns, "l");
  const given = `FROM locked l WHERE l.fresh AND ${isOneOf(patterns, isKept, "l")}`;
  if (sets === null) return [`updated AS (SELECT 1 ${given})`];
  return [`updated AS (UPDATE ${tableOf(plan.table)} t SET ${sets} ${given} AND ${isSameKey(parts, "l")} RETURNING 1)`];
}

function removed(plan: TablePlan, parts: Part[], patterns: Pattern[]): string[] {
  if (!patterns.some(({ isDelete }) => isDelete)) return [];
  return [
    `removed AS (DELETE FROM ${tableOf(plan.table)} t USING locked l
    WHERE l.fresh AND ${isOneOf(patterns, ({ isDelete }) => isDelete, "l")} AND ${isSameKey(parts, "l")} RETURNING 1)`,
  ];
}

/**
 * An INSERT of a record's columns. `of`: the alias of the staged row that has the values; `rest` follows the values. If
 * all columns are left out, the INSERT makes one row only, so such records are written one by one.
 */
export function insertText(
  plan: TablePlan,
  parts: Part[],
  left: ReadonlySet<number>,
  of: string,
  rest: string,
): string {
  const given = parts.filter(({ i }) => !left.has(i));
  const into = `INSERT INTO ${tableOf(plan.table)}`;
  if (given.length === 0) return `${into} DEFAULT VALUES`;
  return `${into} (${given.map(({ name }) => name).join(", ")})
    SELECT ${given.map(({ i }) => `${of}.c${i}`).join(", ")}${rest}`;
}

const insertedNames = (parts: Part[], patterns: Pattern[]) =>
  insertGroups(parts, patterns).map((_group, i) => `made${i}`);

function inserted(plan: TablePlan, parts: Part[], patterns: Pattern[]): string[] {
  return insertGroups(parts, patterns).map(({ left, of }, i) => {
    const isOf = isOneOf(patterns, (pattern) => of.includes(pattern), "s");
    const unless = "NOT EXISTS (SELECT 1 FROM locked l WHERE l.n = s.n)";
    const rows = ` FROM staged s WHERE ${FIRST} AND ${isOf} AND ${unless} ORDER BY s.n RETURNING 1`;
    return `made${i} AS (${insertText(plan, parts, left, "s", rows)})`;
  });
}

/** The SELECT of the statement's answer, by mode. */
function answer(plan: TablePlan, parts: Part[], patterns: Pattern[]): string {
  const { mode } = plan;
  const [keeps, deletes] = [patterns.some(isKept), patterns.some(({ isDelete }) => isDelete)];
  const inserts = mode === "ignore" || mode === "upsert";
  const updates = keeps && (mode === "upsert" || mode === "update");
  const made = inserts ? insertedNames(parts, patterns).map(count) : [];
  const first = `staged s WHERE ${FIRST}`;
  const isThere = "EXISTS (SELECT 1 FROM locked l WHERE l.n = s.n)";
  const keptOnes = isOneOf(patterns, isKept, "s");
  const due = [
    ...(mode === "ignore" ? [] : ["(SELECT count(DISTINCT l.n)::int FROM locked l WHERE l.fresh)"]),
    ...(inserts ? [count(`${first} AND ${keptOnes} AND NOT ${isThere}`)] : []),
  ];
  const passed = mode === "ignore" ? "locked" : `(${passedFrom(plan, patterns)}) passed`;
  const missing = `${first} AND NOT ${isThere}${mode === "delete" ? "" : ` AND ${keptOnes}`}`;
  return `SELECT ${made.join(" + ") || "0"} AS created, ${updates ? count("updated") : "0"} AS updated,
    ${deletes ? count("removed") : "0"} AS deleted, ${due.join(" + ")} AS due, ${ranks(passed)} AS passed,
    ${inserts ? NONE : ranks(missing)} AS missing, ${ranks("staged s WHERE s.round > 1")} AS later`;
}

/** Records that change nothing: those whose row is newer, and those that delete a row that does not exist. */
function passedFrom({ mode }: TablePlan, patterns: Pattern[]): string {
  const stale = "SELECT l.n FROM locked l WHERE NOT l.fresh";
  const gone = isOneOf(patterns, ({ isDelete }) => isDelete, "s");
  if (mode === "delete" || gone === NEVER) return stale;
  return `${stale} UNION ALL SELECT s.n FROM staged s WHERE ${FIRST} AND ${gone}
      AND NOT EXISTS (SELECT 1 FROM locked l WHERE l.n = s.n)`;
}
