/** Renders units for SQL Server: one batch of T-SQL, in which row sets are table variables. */
import { type Column, columnOf } from "../../schema/table.ts";
import { type Lock, listOf, type RowSet, type Step, scalarsOf, type Take, type Update } from "../../units/steps.ts";
import { plainWalk, plainWalkOrder, setsOf, storedValue, translated } from "../../units/text.ts";
import type { Fragments, ParamKind, Plan, Runner } from "../../units/unit.ts";
import { ddl, typeOf } from "./ddl.ts";
import { AT_NOW, inTurn } from "./rows.ts";
import { big, bytes, float, hash, int, key, NOW, name, type Sql, text, uuid, type Value } from "./sql.ts";
import { COLLATION } from "./values.ts";

const valuesOf: Record<ParamKind, (value: never) => Value> = {
  id: big,
  bigint: big,
  int,
  double: float,
  uuid,
  name,
  text,
  hash,
  key,
  bytes,
  ids: (ids: number[]) => text(JSON.stringify(ids)),
  uuids: (ids: string[]) => text(JSON.stringify(ids)),
  texts: (texts: string[]) => text(JSON.stringify(texts)),
};

/** A hint that skips locked rows instead of waiting. READPAST alone is an error if the database keeps row versions. */
export const SKIP_LOCKED = "WITH (READCOMMITTEDLOCK, READPAST)";

/** The values of a list parameter. Text from JSON is converted from the database's collation to the columns' own. */
const LISTED = {
  ids: "CAST(listed.value AS BIGINT)",
  uuids: "CAST(listed.value AS UNIQUEIDENTIFIER)",
  texts: `listed.value COLLATE ${COLLATION}`,
};
const isIn: Fragments["isIn"] = (column, list, kind = "ids") =>
  `${column} IN (SELECT ${LISTED[kind]} FROM OPENJSON(${list}) AS listed)`;
const keysIn: Fragments["keysIn"] = (list) =>
  `(SELECT CONVERT(${ddl.types.key}, listed.value, 2) AS key_hash FROM OPENJSON(${list}) AS listed)`;

/** The most rows that one statement deletes. From 5,000 locks on, SQL Server would lock the whole table. */
const MOST_DELETED = 2_000;

const fragments: Fragments = {
  first: (count, body) => `SELECT TOP (${count}) ${body}`,
  isIn,
  keysIn,
  isKeyIn: (list) => `key_hash IN (SELECT given.key_hash FROM ${keysIn(list)} AS given)`,
  // NVARCHAR has two bytes for each character. Limits count bytes of UTF-8, so this is an estimate.
  bytesOf: (column) => `DATALENGTH(${column}) / 2`,
  numberIn: (column, member) => `CAST(JSON_VALUE(${column}, '$.${member}') AS BIGINT)`,
  plannedAnew: "\nOPTION (RECOMPILE)",
  mostDeleted: (count) => `CASE WHEN ${count} > ${MOST_DELETED} THEN ${MOST_DELETED} ELSE ${count} END`,
  least: (a, b) => `CASE WHEN ${a} < ${b} THEN ${a} ELSE ${b} END`,
  greatest: (a, b) => `CASE WHEN ${a} > ${b} THEN ${a} ELSE ${b} END`,
  skipLocked: (table) => `${table} ${SKIP_LOCKED}`,
  untaken: (column) => ` AND ${column} NOT IN (SELECT had.${column} FROM @taken AS had)`,
  waitingQueues: "client_queue AS q WITH (INDEX(client_queue_waiting_ix))",
  readyOf: (client) => `FROM batch AS r WHERE r.state = 'ready' AND r.client_id = ${client}`,
  readyOfAll: (clients) => `FROM batch AS r WHERE r.state = 'ready' AND ${isIn("r.client_id", clients)}`,
  walk: (of) => plainWalk(of),
  walkOrder: plainWalkOrder,
  // The server sorts UUIDs in an order of its own. So UUIDs are compared as texts, and the whole index is read.
  uuidBetween: (column, from, to) =>
    `LOWER(CONVERT(CHAR(36), ${column})) BETWEEN LOWER(CONVERT(CHAR(36), ${from})) AND LOWER(CONVERT(CHAR(36), ${to}))`,
  inTransientState: (state) => `FROM batch AS few WHERE few.state = '${state}'`,
};

/** A column of a table variable. NOT NULL is declared because the planner needs it for an efficient NOT IN. */
const declaredAs = ({ column, kind, isNull }: Column): string =>
  `${column} ${typeOf(kind)}${isNull ? "" : " NOT NULL"}`;
const declared = ({ name, table, columns }: RowSet): string =>
  `DECLARE @${name} TABLE (${columns.map((one) => declaredAs(columnOf(table, one))).join(", ")});`;

const columnsOf = ({ table, columns }: RowSet) => columns.map((one) => columnOf(table, one).column);

const output = (step: { into?: RowSet | undefined }, of: "inserted" | "deleted"): string => {
  if (!step.into) return "";
  const { name, table, columns } = step.into;
  return `\nOUTPUT ${columns.map((one) => `${of}.${columnOf(table, one).column}`).join(", ")} INTO @${name}`;
};
const optional = (word: string, text: string | undefined) => (text === undefined ? "" : `\n${word} ${text}`);
const quoted = (column: string) => `"${column}"`;

/** The statements of a step. The row count of the last statement is the row count of the step. */
function statementsOf(step: Exclude<Step, Take>): string {
  switch (step.do) {
    case "select":
      return step.text;
    case "gather":
      return `INSERT INTO @${step.into.name} (${columnsOf(step.into).join(", ")})\n${step.select}`;
    case "lock":
      return inTurns(step, locked(step));
    case "update":
      return inTurns(
        step,
        `UPDATE ${step.table.name} SET ${step.set}${output(step, "inserted")}${optional("FROM", step.from)}`,
      );
    case "remove":
      return `DELETE FROM ${step.table.name}${output(step, "deleted")}\nWHERE ${step.where}`;
    case "insert": {
      const { table, values, from, where, group } = step;
      return `INSERT INTO ${table.name} (${Object.keys(values).map(quoted).join(", ")})${output(step, "inserted")}
SELECT ${Object.values(values).join(", ")}${optional("FROM", from)}${optional("WHERE", where)}${optional("GROUP BY", group)}`;
    }
    case "upsert":
      return upserted(step);
    case "removeFirst": {
      const { table, key, where, and, order, limit } = step;
      const isIt = key.map((column) => `piece.${column} = ${table.name}.${column}`).join(" AND ");
      return `DELETE FROM ${table.name}${output(step, "deleted")}
WHERE ${where} AND EXISTS (SELECT 1 FROM (
  SELECT TOP (${limit}) ${key.join(", ")} FROM ${table.name} ${SKIP_LOCKED}
  WHERE ${where}${optional("AND", and)} ORDER BY ${order}) AS piece WHERE ${isIt})`;
    }
  }
}

/** Locks rows with an UPDATE that changes nothing, which needs no lock hints. */
function locked(step: Lock): string {
  const column = step.table.columns.some(({ name }) => name === "fence") ? "fence" : step.table.columns.at(-1)?.column;
  const by = step.skipLocked ? ` ${SKIP_LOCKED}` : "";
  return `UPDATE ${step.table.name}${by} SET ${column} = ${column}${output(step, "inserted")}`;
}

/** Runs a statement row by row in key order. One for all rows might scan the table, and wait for other units. */
function inTurns({ where, byKey }: Lock | Update, statement: string): string {
  if (!byKey) return `${statement}\nWHERE ${where}`;
  const { column, of } = byKey;
  const keys = of.startsWith(":") ? `(SELECT ${LISTED.ids} AS ${column} FROM OPENJSON(${of}) AS listed)` : `@${of}`;
  const isIt = [`${column} = @each`, ...(where === undefined ? [] : [where])].join(" AND ");
  return inTurn("@each", keys, column, [`${statement}\nWHERE ${isIt}`]).join(";\n");
}

const COUNTED = "SET @changed = @@ROWCOUNT";
/** The statements that set `@changed`. A loop counts its row set. An upsert of one row counts its row itself. */
function countOf(step: Step, text: string): string[] {
  if (step.do === "lock" && step.byKey) return [`SET @changed = (SELECT COUNT(*) FROM @${step.into.name} AS counted)`];
  return text.endsWith("\nEND") ? [] : [COUNTED];
}

/** An upsert. If two units insert the same key at once, the second fails on the key; its retry finds the row. */
function upserted(step: Extract<Step, { do: "upsert" }>): string {
  const { table, key, values, from, order, update, adds, where } = step;
  const source =
    from &&
    `(SELECT ${Object.entries(values)
      .map(([column, value]) => `${value} AS "${column}"`)
      .join(", ")} FROM ${from}) AS given`;
  const given = (column: string) => (source ? `given.${quoted(column)}` : values[column]);
  const isIt = key.map((column) => `${table.name}.${quoted(column)} = ${given(column)}`).join(" AND ");
  const own = (column: string) => (adds ? `${table.name}.${quoted(column)} + ` : "");
  const sets = update.map((column) => `${quoted(column)} = ${own(column)}${given(column)}`).join(", ");
  // The hint waits for uncommitted rows of other units. Without it the insert would wait later, fail, and be retried.
  // An upsert with an update has no hint: its UPDATE has not seen the other unit's row, so the insert must fail.
  const latest = update.length === 0 ? " WITH (READCOMMITTEDLOCK)" : "";
  // A loop join looks up rows one by one. A merge or hash join would read the whole table.
  const rowByRow = update.length === 0 && source ? " OPTION (LOOP JOIN)" : "";
  const insert = `INSERT INTO ${table.name} (${Object.keys(values).map(quoted).join(", ")})${output(step, "inserted")}
SELECT ${Object.keys(values).map(given).join(", ")}${optional("FROM", source)}
WHERE NOT EXISTS (SELECT 1 FROM ${table.name}${latest} WHERE ${isIt})${optional("ORDER BY", order && given(order))}${rowByRow}`;
  if (update.length === 0) return insert;
  const updated = `UPDATE ${table.name} SET ${sets}${output(step, "inserted")}${optional("FROM", source)}\nWHERE ${isIt}${optional("AND", where)}`;
  if (source) return `${updated};\n${insert}`;
  return `${updated};\n${COUNTED};\nIF @changed = 0\nBEGIN\n${insert};\n${COUNTED};\nEND`;
}

/** How often a take looks for rows. Other nodes may take rows that a look has found, so the caller may get fewer. */
const MOST_LOOKS = 20;

/** Takes due rows. Looks again while due rows are left: other nodes may take rows between look and update. */
function taken({ table, due, among, set, order, limit, into }: Take): string {
  const isAmong = among === undefined ? "" : `\n  AND id IN (${among})`;
  const columns = [...new Set(["id", ...into.columns])];
  return `${declared({ ...into, name: "taken", columns })}
DECLARE @due TABLE (id BIGINT NOT NULL PRIMARY KEY);
DECLARE @open INT = ${limit};
DECLARE @picked INT = 1;
DECLARE @looks INT = 0;
WHILE @picked > 0 AND @open > 0 AND @looks < ${MOST_LOOKS}
BEGIN
DELETE FROM @due;
INSERT INTO @due (id)
SELECT TOP (@open) id FROM ${table.name} ${SKIP_LOCKED}
WHERE ${due} AND id NOT IN (SELECT had.id FROM @taken AS had)${isAmong} ORDER BY ${order};
SET @picked = @@ROWCOUNT;
UPDATE ${table.name} SET ${set}${output({ into: { ...into, name: "taken", columns } }, "inserted")}
WHERE id IN (SELECT picked.id FROM @due AS picked) AND ${due};
SET @open = @open - @@ROWCOUNT;
SET @looks = @looks + 1;
END;
SELECT ${listOf(table, into.columns, "taken")} FROM @taken AS taken ORDER BY taken.id`;
}

/** The T-SQL of a unit. Several writes are one transaction; an error undoes the whole transaction. */
function textOf(steps: Step[]): string {
  const [first] = steps as [Step];
  if (first.do === "take") return taken(first);
  if (first.do === "select") return first.text;
  const answer =
    steps.at(-1)?.do === "select" ? (steps.at(-1) as { text: string }).text : 'SELECT @changed AS "changed"';
  const writes = steps.filter((step) => step.do !== "select") as Exclude<Step, Take>[];
  const isTimed = JSON.stringify(steps).includes(":now");
  const statements = writes.flatMap((step, n) => {
    const text = statementsOf(step);
    const counted = n > 0 ? [] : countOf(step, text);
    if (step.do === "remove" && step.countAs) counted.push(`SET @${step.countAs} = @@ROWCOUNT`);
    const values = scalarsOf(step).map(([value, of, { column }]) => `@${value} = ${of.name}.${column}`);
    // The values are stored in variables. For a subquery as bound, the server might compare every row to the end.
    if (values.length > 0 && step.do === "gather") counted.push(`SELECT ${values.join(", ")} FROM ${step.into.name}`);
    // A lock may have waited, so the clock is read again: a lease begins after the wait.
    return [text, ...counted, ...(step.do === "lock" && isTimed ? [`SET @now = ${NOW}`] : [])];
  });
  return [
    ...[...setsOf(steps).values()].map((set) => declared(set).slice(0, -1)),
    "DECLARE @changed INT",
    ...(writes.some((step) => "byKey" in step) ? ["DECLARE @each BIGINT"] : []),
    ...writes.flatMap((step) => (step.do === "remove" && step.countAs ? [`DECLARE @${step.countAs} INT`] : [])),
    ...writes.flatMap(scalarsOf).map(([value, _of, { kind }]) => `DECLARE @${value} ${typeOf(kind)}`),
    ...(writes.length === 1 ? statements : ["BEGIN TRAN", ...statements, "COMMIT"]),
    answer,
  ].join(";\n");
}

export function rendered(plan: Plan): { text: string; names: string[] } {
  const names = new Set<string>();
  const param = (of: string) => {
    if (Object.hasOwn(plan.params, of)) names.add(of);
    return `@${of}`;
  };
  const all = translated(`${textOf(plan.steps)};`, plan, { param, rowSet: (set) => `@${set} AS ${set}` });
  return { text: all.includes("@now") ? `${AT_NOW}\n${all}` : all, names: [...names] };
}

export const runnerOn = (sql: Sql): Runner => ({
  fragments,
  prepare(plan) {
    const { text, names } = rendered(plan);
    const isAnswered = ["select", "take"].includes(plan.steps.at(-1)?.do as string);
    return async (values) => {
      const given = names.map((of): [string, Value] => {
        const kind = plan.params[of] as ParamKind;
        // The unit has checked the values by their kinds (`Values` in units/unit.ts).
        return [of, valuesOf[kind](storedValue(kind, values[of]) as never)];
      });
      const rows = await sql.all<Record<string, unknown>>(text, Object.fromEntries(given));
      return { rows, changed: isAnswered ? rows.length : (rows[0]?.changed as number) };
    };
  },
});
