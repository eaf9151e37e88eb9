/** Units as SQL Server has them: one batch of T-SQL, row sets are table variables. */
import { type Column, columnOf } from "../../schema/table.ts";
import { listOf, type RowSet, type Step, type Take } from "../../units/steps.ts";
import { setsOf, storedValue, translated } from "../../units/text.ts";
import type { Fragments, ParamKind, Plan, Runner } from "../../units/unit.ts";
import { ddl, typeOf } from "./ddl.ts";
import { AT_NOW } from "./rows.ts";
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

/** Passes by rows that somebody takes right now, instead of waiting for them. READPAST alone is an error where rows have versions. */
export const PASSING_BY = "WITH (READCOMMITTEDLOCK, READPAST)";

/** A text out of JSON has the collation of the database, which may be another than the column's. */
const LISTED = {
  ids: "CAST(listed.value AS BIGINT)",
  uuids: "CAST(listed.value AS UNIQUEIDENTIFIER)",
  texts: `listed.value COLLATE ${COLLATION}`,
};
const isIn: Fragments["isIn"] = (column, list, kind = "ids") =>
  `${column} IN (SELECT ${LISTED[kind]} FROM OPENJSON(${list}) AS listed)`;

/** From 5,000 locks of a statement on SQL Server would rather lock the whole table. */
const MOST_DELETED = 2_000;

const fragments: Fragments = {
  first: (count, body) => `SELECT TOP (${count}) ${body}`,
  isIn,
  keysIn: (list) => `(SELECT CONVERT(${ddl.types.key}, listed.value, 2) AS key_hash FROM OPENJSON(${list}) AS listed)`,
  // A text has two bytes a character here; limits are told in those that it has outside.
  bytesOf: (column) => `DATALENGTH(${column}) / 2`,
  plannedAnew: "\nOPTION (RECOMPILE)",
  mostDeleted: (count) => `CASE WHEN ${count} > ${MOST_DELETED} THEN ${MOST_DELETED} ELSE ${count} END`,
  hasGroups: false,
  least: (a, b) => `CASE WHEN ${a} < ${b} THEN ${a} ELSE ${b} END`,
  greatest: (a, b) => `CASE WHEN ${a} > ${b} THEN ${a} ELSE ${b} END`,
  passingBy: (table) => `${table} ${PASSING_BY}`,
  untaken: (column) => ` AND ${column} NOT IN (SELECT had.${column} FROM @taken AS had)`,
  waitingQueues: "client_queue AS q WITH (INDEX(client_queue_waiting_ix))",
  readyOf: (client) => `FROM batch AS r WHERE r.state = 'ready' AND r.client_id = ${client}`,
  readyOfAll: (clients) => `FROM batch AS r WHERE r.state = 'ready' AND ${isIn("r.client_id", clients)}`,
  inPassing: (state) => `FROM batch AS few WHERE few.state = '${state}'`,
};

/** That it is never NULL matters to the planner: see NOT IN. */
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

/** The statements of a step. The last one's count is that of the step. */
function statementsOf(step: Exclude<Step, Take>): string {
  switch (step.do) {
    case "select":
      return step.text;
    case "gather":
      return `INSERT INTO @${step.into.name} (${columnsOf(step.into).join(", ")})\n${step.select}`;
    case "lock": {
      // A write without a change is the lock that needs no hint.
      const column = step.table.columns.some(({ name }) => name === "fence")
        ? "fence"
        : step.table.columns.at(-1)?.column;
      const by = step.passingBy ? ` ${PASSING_BY}` : "";
      return `UPDATE ${step.table.name}${by} SET ${column} = ${column}${output(step, "inserted")}\nWHERE ${step.where}`;
    }
    case "update":
      return `UPDATE ${step.table.name} SET ${step.set}${output(step, "inserted")}${optional("FROM", step.from)}\nWHERE ${step.where}`;
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
  SELECT TOP (${limit}) ${key.join(", ")} FROM ${table.name} ${PASSING_BY}
  WHERE ${where}${optional("AND", and)} ORDER BY ${order}) AS piece WHERE ${isIt})`;
    }
  }
}

const COUNTED = "SET @changed = @@ROWCOUNT";

/** Two at once: the second one's insert fails on the key, is tried again, and then sees the row. */
function upserted(step: Extract<Step, { do: "upsert" }>): string {
  const { table, key, values, from, order, update, where } = step;
  const source =
    from &&
    `(SELECT ${Object.entries(values)
      .map(([column, value]) => `${value} AS "${column}"`)
      .join(", ")} FROM ${from}) AS given`;
  const given = (column: string) => (source ? `given.${quoted(column)}` : values[column]);
  const isIt = key.map((column) => `${table.name}.${quoted(column)} = ${given(column)}`).join(" AND ");
  const sets = update.map((column) => `${quoted(column)} = ${given(column)}`).join(", ");
  // Waits for what others have not committed yet: without it one waits later, fails and is tried again. With an update that has
  // not seen the other's row it has to fail.
  const latest = update.length === 0 ? " WITH (READCOMMITTEDLOCK)" : "";
  const insert = `INSERT INTO ${table.name} (${Object.keys(values).map(quoted).join(", ")})${output(step, "inserted")}
SELECT ${Object.keys(values).map(given).join(", ")}${optional("FROM", source)}
WHERE NOT EXISTS (SELECT 1 FROM ${table.name}${latest} WHERE ${isIt})${optional("ORDER BY", order && given(order))}`;
  if (update.length === 0) return insert;
  const updated = `UPDATE ${table.name} SET ${sets}${optional("FROM", source)}\nWHERE ${isIt}${optional("AND", where)}`;
  if (source) return `${updated};\n${insert}`;
  return `${updated};\n${COUNTED};\nIF @changed = 0\nBEGIN\n${insert};\n${COUNTED};\nEND`;
}

/** Rows that others took meanwhile are gone from the next look; so many looks are enough for anyone's turn. */
const MOST_LOOKS = 20;

/** Takes rows, one look after the other until there is nothing more to be seen: what a look picks is no promise. */
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
SELECT TOP (@open) id FROM ${table.name} ${PASSING_BY}
WHERE ${due} AND id NOT IN (SELECT had.id FROM @taken AS had)${isAmong} ORDER BY ${order};
SET @picked = @@ROWCOUNT;
UPDATE ${table.name} SET ${set}${output({ into: { ...into, name: "taken", columns } }, "inserted")}
WHERE id IN (SELECT picked.id FROM @due AS picked) AND ${due};
SET @open = @open - @@ROWCOUNT;
SET @looks = @looks + 1;
END;
SELECT ${listOf(table, into.columns, "taken")} FROM @taken AS taken ORDER BY taken.id`;
}

/** Of several writes all are done or none: an error undoes the transaction. */
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
    const counted = n > 0 || text.endsWith("\nEND") ? [] : [COUNTED];
    if (step.do === "remove" && step.countAs) counted.push(`SET @${step.countAs} = @@ROWCOUNT`);
    // It may have waited: a lease that begins is to last from here on.
    return [text, ...counted, ...(step.do === "lock" && isTimed ? [`SET @now = ${NOW}`] : [])];
  });
  const isOne = writes.length === 1;
  return [
    ...[...setsOf(steps).values()].map((set) => declared(set).slice(0, -1)),
    "DECLARE @changed INT",
    ...writes.flatMap((step) => (step.do === "remove" && step.countAs ? [`DECLARE @${step.countAs} INT`] : [])),
    ...(isOne ? statements : ["BEGIN TRAN", ...statements, "COMMIT"]),
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
        return [of, valuesOf[kind](storedValue(kind, values[of]) as never)];
      });
      const rows = await sql.all<Record<string, unknown>>(text, Object.fromEntries(given));
      return { rows, changed: isAnswered ? rows.length : (rows[0]?.changed as number) };
    };
  },
});
