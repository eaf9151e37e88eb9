/**
 * SQL that writes staged rows to the table one by one, inside the server. Each row has a block of its own, so that a
 * refused row is undone alone and reported. DO takes no parameters, so the rows and the answer are passed as settings
 * of the transaction.
 */
import type { Pattern, Stage } from "../../../targets/stage.ts";
import { assignments, insertGroups, isOneOf, isSameKey } from "../../../targets/staged.text.ts";
import type { TablePlan } from "../../../targets/target.ts";
import { isFresh, type Part, stagedFrom } from "./columns.ts";
import { insertText } from "./set.text.ts";
import { NO_FAULT, NO_KEY, SWALLOWED } from "./states.ts";
import { literal, type Traits, tableOf } from "./traits.ts";

export interface LoopAnswer {
  created: number;
  updated: number;
  deleted: number;
  passed: number[];
  missing: number[];
  faults: LoopFault[];
}

export interface LoopFault {
  rank: number;
  state: string;
  constraint: string;
  column: string;
  /** Whether the error came from a text that does not fit its column's type. Nothing was written then. */
  isCast: boolean;
}

const SETTING = "dataflow.t";
const setting = (name: string | number) => `current_setting('${SETTING}${name}')`;

/** The statement that passes the rows to the server as settings. */
export const handOver = ({ separator, nothing, texts }: Stage) => ({
  text: `SELECT ${["s", "n", ...texts.keys()].map((name, i) => `set_config('${SETTING}${name}', $${i + 1}, true)`).join(", ")}`,
  values: [separator, nothing, ...texts],
});

export const ANSWER = `SELECT ${setting("a")} AS answer`;

export function loopText(plan: TablePlan, parts: Part[], traits: Traits, { patterns, texts }: Stage): string {
  const from = stagedFrom(
    texts.map((_text, i) => setting(i)),
    parts,
    [setting("s"), setting("n")],
  );
  const columns = parts.map(({ i }) => `x.c${i}`).join(", ");
  const casts = parts.map(({ i, type }) => `r.c${i}::${type} AS c${i}`).join(", ");
  return `DO ${literal(`
DECLARE
  r record; s record; part text; tries int; done int; there boolean; fresh boolean;
  state text; con text; col text;
  created int := 0; updated int := 0; deleted int := 0; passed int[] := '{}'; missing int[] := '{}'; faults text[] := '{}';
BEGIN
  FOR r IN SELECT (x.n - 2)::int AS n, x.p::int AS p, ${columns} FROM ${from} WHERE x.n > 1 ORDER BY x.n LOOP
    tries := 0;
    LOOP
      BEGIN
        part := 'cast'; there := false;
        SELECT r.n AS n, r.p AS p, ${casts} INTO s;
        part := 'row';
        ${body(plan, parts, patterns)}
        EXIT;
      EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, con = CONSTRAINT_NAME, col = COLUMN_NAME;
        tries := tries + 1;
        IF state = '42501' AND part = 'row' AND row_security_active(${traits.oid}::oid) AND ${hasRights(plan, parts, traits)} THEN
          NULL;
        ELSIF state ~ '${NO_FAULT}' OR state = '22003' AND part = 'row' THEN
          RAISE;
        ELSIF state = '23505' AND NOT there AND tries < 3 THEN
          -- Somebody else has made the row meanwhile: it is there now.
          CONTINUE;
        END IF;
        IF part = 'cast' THEN
${parts.map(({ i, type, column }) => `          BEGIN PERFORM r.c${i}::${type}; EXCEPTION WHEN OTHERS THEN col := ${literal(column.name)}; END;`).join("\n")}
        END IF;
        faults := faults || json_build_object('rank', r.n, 'state', state, 'constraint', con, 'column', col, 'isCast', part = 'cast')::text;
        EXIT;
      END;
    END LOOP;
  END LOOP;
  PERFORM set_config('${SETTING}a', json_build_object('created', created, 'updated', updated, 'deleted', deleted,
    'passed', passed, 'missing', missing, 'faults', ('[' || array_to_string(faults, ',') || ']')::json)::text, true);
END`)}`;
}

/**
 * Whether the user has the rights that the mode needs. If not, the error 42501 means a missing right. If so, 42501
 * means a row that the policies of the table refuse.
 */
function hasRights({ mode, table }: TablePlan, parts: Part[], { oid }: Traits): string {
  const needs = {
    insert: ["INSERT"],
    ignore: ["INSERT"],
    upsert: ["INSERT", "UPDATE"],
    update: ["UPDATE"],
    delete: [],
  };
  const of = parts.flatMap(({ column, isKey }) =>
    needs[mode]
      .filter((right) => right !== "UPDATE" || !isKey)
      .map((right) => `has_column_privilege(${oid}::oid, ${literal(column.name)}, '${right}')`),
  );
  return [`has_any_column_privilege(${oid}::oid, 'SELECT')`, ...of].join(" AND ") || table.name;
}

/** Raises an error if a trigger has swallowed the row. The error also undoes what the trigger did instead. */
const CHECKED = `GET DIAGNOSTICS done = ROW_COUNT;
          IF done > 1 THEN RAISE EXCEPTION USING ERRCODE = '${NO_KEY}'; END IF;
          IF done <> 1 THEN RAISE EXCEPTION USING ERRCODE = '${SWALLOWED}'; END IF;`;

/** The statements for the row `s`, by mode. */
function body(plan: TablePlan, parts: Part[], patterns: Pattern[]): string {
  const insert = insertion(plan, parts, patterns);
  if (plan.mode === "insert") return insert;
  const { mode } = plan;
  const lock = mode === "ignore" ? "" : "FOR UPDATE OF t";
  const isDelete = isOneOf(patterns, (pattern) => pattern.isDelete, "s");
  return `SELECT true, ${isFresh(plan, parts, "s")} INTO there, fresh FROM ${tableOf(plan.table)} t WHERE ${isSameKey(parts, "s")} ${lock};
        there := coalesce(there, false);
        IF there THEN
          ${change(plan, parts, patterns, isDelete)}
        ${mode === "delete" ? "" : `ELSIF ${isDelete} THEN passed := passed || s.n;`}
        ELSE
          ${mode === "update" || mode === "delete" ? "missing := missing || s.n;" : insert}
        END IF;`;
}

/** The statements that change an existing row. */
function change(plan: TablePlan, parts: Part[], patterns: Pattern[], isDelete: string): string {
  if (plan.mode === "ignore") return "passed := passed || s.n;";
  const table = tableOf(plan.table);
  const sets = assignments(plan, parts, patterns, "s");
  const same = isSameKey(parts, "s");
  const update = sets === null ? "" : `UPDATE ${table} t SET ${sets} WHERE ${same}; ${CHECKED}`;
  return `IF NOT fresh THEN passed := passed || s.n;
          ELSIF ${isDelete} THEN DELETE FROM ${table} t WHERE ${same}; ${CHECKED} deleted := deleted + 1;
          ELSE ${plan.mode === "delete" ? "NULL;" : `${update} updated := updated + 1;`}
          END IF;`;
}

/** The INSERT of a row, as a CASE of statements: PL/pgSQL plans each statement when it is first used. */
function insertion(plan: TablePlan, parts: Part[], patterns: Pattern[]): string {
  if (plan.mode === "update" || plan.mode === "delete") return "";
  const all = insertGroups(parts, patterns).map(({ left, of }) => {
    const isOf = isOneOf(patterns, (pattern) => of.includes(pattern), "s");
    return `WHEN ${isOf} THEN ${insertText(plan, parts, left, "s", "")}; ${CHECKED}`;
  });
  if (all.length === 0) return "NULL;";
  return `CASE ${all.join("\n          ")} END CASE; created := created + 1;`;
}
