/** Renders units for PostgreSQL: a unit becomes one statement, in which each step is a CTE. */
import type { Table } from "../../schema/table.ts";
import { listOf, rowsOf, type Step, scalarsOf } from "../../units/steps.ts";
import { storedValue, translated } from "../../units/text.ts";
import type { Fragments, ParamKind, Plan, Runner, Walk } from "../../units/unit.ts";
import { NOW, type Sql } from "./sql.ts";

const casts: Record<ParamKind, string> = {
  id: "bigint",
  int: "int",
  bigint: "bigint",
  double: "float8",
  uuid: "uuid",
  name: "varchar",
  text: "text",
  hash: "bytea",
  key: "bytea",
  bytes: "bytea",
  ids: "bigint[]",
  uuids: "uuid[]",
  texts: "text[]",
};

/**
 * The condition and the order of a walk, written so that only the walk's index can serve them. With plain equality the
 * planner may walk along the primary key instead, and read all batches to find a few.
 */
function walkOf(of: Walk): string {
  const { equal, and } = of;
  const [last, ...others] = equal.toReversed();
  const from = (bound: string) =>
    last ? `(k.${last[0]}, k.id) ${bound[0]} (${last[1]}, ${bound.slice(2)})` : `k.id ${bound}`;
  const where = [
    ...others.map(([column, value]) => `k.${column} = ${value}`),
    from("> :after"),
    from("< :before"),
    ...and,
  ];
  return `FROM batch AS k WHERE ${where.join(" AND ")} ORDER BY ${walkOrder(of, "k")}`;
}

/**
 * The order of a walk. It names the last compared column too: the planner does not know that this column has only one
 * value, and would sort if the order had the id alone.
 */
function walkOrder({ equal, isOldestFirst }: Walk, of: string): string {
  const way = isOldestFirst ? "ASC" : "DESC";
  const last = equal.at(-1);
  return `${last ? `${of}.${last[0]} ${way}, ` : ""}${of}.id ${way}`;
}

const fragments: Fragments = {
  first: (count, body) => `SELECT ${body} LIMIT ${count}`,
  isIn: (column, list) => `${column} = ANY(${list})`,
  keysIn: (list) => `(SELECT decode(k, 'hex') AS key_hash FROM unnest(${list}) AS k)`,
  // The keys are an array, which only the index can serve. With a join and without statistics, the planner may compare
  // each key of the batch with each given key: 1 s for a piece of 4,500 keys instead of 5 ms.
  isKeyIn: (list) => `key_hash = ANY(ARRAY(SELECT decode(k, 'hex') FROM unnest(${list}) AS k))`,
  bytesOf: (column) => `octet_length(${column})`,
  numberIn: (column, member) => `(${column}::json ->> '${member}')::bigint`,
  plannedAnew: "",
  mostDeleted: (count) => count,
  least: (a, b) => `least(${a}, ${b})`,
  greatest: (a, b) => `greatest(${a}, ${b})`,
  skipLocked: (table) => table,
  untaken: () => "",
  waitingQueues: "client_queue AS q",
  // The row comparison is redundant, but only the index (state, client_id, id) can serve it. Without the comparison and
  // without statistics, the planner may choose the index on (client_id, id), keep that plan, and read all that the
  // client has ever sent.
  readyOf: (client) =>
    `FROM batch AS r WHERE r.state = 'ready' AND r.client_id = ${client} AND (r.state, r.client_id, r.id) > ('ready', ${client}, 0)`,
  readyOfAll: (clients, count) => `FROM unnest(${clients}) AS of_client (id) CROSS JOIN LATERAL (
    SELECT r.id FROM batch AS r WHERE r.state = 'ready' AND r.client_id = of_client.id
    ORDER BY r.state, r.client_id, r.id LIMIT ${count}) AS r`,
  walk: walkOf,
  walkOrder,
  uuidBetween: (column, from, to) => `${column} BETWEEN ${from} AND ${to}`,
  // The order makes the planner use the index, even with a plan made when the table was empty.
  inTransientState: (state) => `FROM (SELECT id, client_id, owner FROM batch WHERE state = '${state}'
    ORDER BY state, client_id, id OFFSET 0) AS few`,
};

/** A rendered statement, and the names of its parameters in the order of their numbers. */
interface Statement {
  text: string;
  names: string[];
}

export function rendered(plan: Plan): Statement {
  const names: string[] = [];
  const param = (name: string) => {
    if (name === "now") return NOW;
    const [, of, column] = plan.steps.flatMap(scalarsOf).find(([value]) => value === name) ?? [];
    if (of && column) return `(SELECT ${of.name}.${column.column} FROM ${of.name})`;
    if (plan.params[name] === undefined) return `(SELECT count(*)::int FROM ${name})`;
    if (!names.includes(name)) names.push(name);
    return `$${names.indexOf(name) + 1}::${casts[plan.params[name] as ParamKind]}`;
  };
  const text = translated(textOf(plan.steps), plan, { param, rowSet: (name) => name });
  return { text, names };
}

function textOf(steps: Step[]): string {
  const [first, ...rest] = steps as [Step, ...Step[]];
  if (rest.length === 0) return statementOf(first, "");
  const named = (step: Step, n: number) => nameOf(step) ?? `step_${n}`;
  const isAnswered = steps.at(-1)?.do === "select";
  const ctes = (isAnswered ? steps.slice(0, -1) : steps).map(
    (step, n) =>
      `${named(step, n)} AS ${isRead(step) ? "MATERIALIZED " : ""}(${statementOf(step, returning(step, n === 0))})`,
  );
  const answer = isAnswered
    ? (steps.at(-1) as { text: string }).text
    : `SELECT count(*)::int AS changed FROM ${named(first, 0)}`;
  return `WITH ${ctes.join(",\n  ")}\n${answer}`;
}

const nameOf = (step: Step): string | undefined =>
  ("into" in step ? step.into?.name : undefined) ?? (step.do === "remove" ? step.countAs : undefined);

const isRead = (step: Step): boolean => step.do === "lock" || step.do === "gather";

function returning(step: Step, isCounted: boolean): string {
  if (isRead(step)) return "";
  if (!("into" in step && step.into)) return isCounted || nameOf(step) ? " RETURNING 1" : "";
  const { table, columns } = step.into;
  const list = columns.map((name) => `${table.name}.${columnNamed(table, name)}`);
  return ` RETURNING ${list.join(", ")}`;
}

const columnNamed = (table: Table, name: string) => table.columns.find((column) => column.name === name)?.column;
const optional = (word: string, text: string | undefined) => (text === undefined ? "" : ` ${word} ${text}`);

function statementOf(step: Step, ending: string): string {
  switch (step.do) {
    case "select":
      return step.text;
    case "gather":
      return step.select;
    case "lock": {
      // Rows are locked in the order of their keys, so that two statements cannot deadlock.
      const columns = step.into.columns.map((name) => `${step.table.name}.${columnNamed(step.table, name)}`);
      return `SELECT ${columns.join(", ")} FROM ${step.table.name} WHERE ${rowsOf(step, fragments.isIn)} ORDER BY ${step.table.key.map((name) => columnNamed(step.table, name)).join(", ")}
    FOR NO KEY UPDATE${step.skipLocked ? " SKIP LOCKED" : ""}`;
    }
    case "update":
      return `UPDATE ${step.table.name} SET ${step.set}${optional("FROM", step.from)} WHERE ${rowsOf(step, fragments.isIn)}${ending}`;
    case "remove":
      return `DELETE FROM ${step.table.name} WHERE ${step.where}${ending}`;
    case "insert":
    case "upsert":
      return `${inserted(step)}${step.do === "upsert" ? conflict(step) : ""}${ending}`;
    case "removeFirst": {
      const { table, where, and, order, limit } = step;
      // An array is computed once. With IN, a planner that expects one row runs the subquery again for each row, and
      // exceeds the limit.
      return `DELETE FROM ${table.name} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table.name}
    WHERE ${where}${optional("AND", and)} ORDER BY ${order} LIMIT ${limit} FOR UPDATE SKIP LOCKED))${ending}`;
    }
    case "take": {
      // Rows that another node is taking are locked, and are skipped. Rows that another node has just taken are no
      // longer due.
      const { table, due, among, set, order, limit, into } = step;
      const isAmong = among === undefined ? "" : ` AND id IN (${among})`;
      return `WITH due AS (SELECT id FROM ${table.name} WHERE ${due}${isAmong} ORDER BY ${order} LIMIT ${limit}
    FOR UPDATE SKIP LOCKED)
  UPDATE ${table.name} SET ${set} FROM due WHERE ${table.name}.id = due.id RETURNING ${listOf(table, into.columns, table.name)}`;
    }
  }
}

type Inserting = Extract<Step, { do: "insert" | "upsert" }>;

function inserted(step: Inserting): string {
  const rest =
    step.do === "insert"
      ? `${optional("WHERE", step.where)}${optional("GROUP BY", step.group)}`
      : optional("ORDER BY", step.order);
  return `INSERT INTO ${step.table.name} (${Object.keys(step.values).map(quoted).join(", ")})
    SELECT ${Object.values(step.values).join(", ")}${optional("FROM", step.from)}${rest}`;
}

const quoted = (column: string) => `"${column}"`;

function conflict({ table, key, update, adds, where }: Extract<Step, { do: "upsert" }>): string {
  const target = ` ON CONFLICT (${key.map(quoted).join(", ")})`;
  if (update.length === 0) return `${target} DO NOTHING`;
  const own = (column: string) => (adds ? `${table.name}."${column}" + ` : "");
  const sets = update.map((column) => `"${column}" = ${own(column)}excluded."${column}"`);
  return `${target} DO UPDATE SET ${sets.join(", ")}${optional("WHERE", where?.replaceAll("given.", "excluded."))}`;
}

export const runnerOn = (sql: Sql): Runner => ({
  fragments,
  prepare(plan) {
    const { text, names } = rendered(plan);
    const isCount = plan.steps.length > 1 && plan.steps.at(-1)?.do !== "select";
    return async (values) => {
      const given = names.map((name) => storedValue(plan.params[name] as ParamKind, values[name]));
      const { rows, rowCount } = await sql.run<Record<string, unknown>>(text, given);
      return { rows, changed: isCount ? (rows[0]?.changed as number) : rowCount };
    };
  },
});
