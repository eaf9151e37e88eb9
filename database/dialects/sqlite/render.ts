/**
 * Renders units for SQLite: prepared statements that run one after the other in SQLite's thread. Row sets pass from
 * statement to statement as JSON.
 */
import { type Column, columnOf } from "../../schema/table.ts";
import { type RowSet, rowsOf, type Step, scalarsOf } from "../../units/steps.ts";
import { plainWalk, plainWalkOrder, setsOf, storedValue, translated } from "../../units/text.ts";
import type { Fragments, ParamKind, Plan, Runner } from "../../units/unit.ts";
import type { SqliteClient } from "./client.ts";
import { type Program, type ProgramStep, ROWS_OF } from "./program.ts";

const isIn: Fragments["isIn"] = (column, list) => `${column} IN (SELECT value FROM json_each(${list}))`;
const keysIn: Fragments["keysIn"] = (list) => `(SELECT unhex(value) AS key_hash FROM json_each(${list}))`;
const READY = "FROM batch AS r INDEXED BY batch_state_client_id_id_ix WHERE r.state = 'ready'";

/**
 * Adds 0 to a limit that is a parameter. Otherwise SQLite (seen with 3.53) reads the parameter's value for its plan,
 * and prepares the statement again for each new value: 20 to 70 µs a call. SQLite does not look into a sum.
 */
const limited = (count: string | number) => `LIMIT ${count}${`${count}`.startsWith(":") ? " + 0" : ""}`;

const fragments: Fragments = {
  first: (count, body) => `SELECT ${body} ${limited(count)}`,
  isIn,
  keysIn,
  isKeyIn: (list) => `key_hash IN (SELECT given.key_hash FROM ${keysIn(list)} AS given)`,
  bytesOf: (column) => `octet_length(${column})`,
  numberIn: (column, member) => `CAST(${column} ->> '$.${member}' AS INTEGER)`,
  plannedAnew: "",
  mostDeleted: (count) => count,
  least: (a, b) => `min(${a}, ${b})`,
  greatest: (a, b) => `max(${a}, ${b})`,
  // No row is ever locked, because only SQLite's thread writes.
  skipLocked: (table) => table,
  untaken: () => "",
  waitingQueues: "client_queue AS q INDEXED BY client_queue_waiting_ix",
  // INDEXED BY is needed. Without it the planner uses the index (state, due_at) and sorts: 48 ms instead of 0.2 ms with
  // 100,000 ready batches.
  readyOf: (client) => `${READY} AND r.client_id = ${client}`,
  readyOfAll: (clients) => `${READY} AND ${isIn("r.client_id", clients)}`,
  walk: (of) => plainWalk(of, of.index === null ? "" : ` INDEXED BY ${of.index}`),
  walkOrder: plainWalkOrder,
  uuidBetween: (column, from, to) => `${column} BETWEEN ${from} AND ${to}`,
  inTransientState: (state) => `FROM batch AS few WHERE few.state = '${state}'`,
};

/** The table from which a later step reads a row set. `rows`: the parameter with the row set's JSON. */
function fromJson({ name, table, columns }: RowSet, rows: string): string {
  const list = columns.map((one) => {
    const column = columnOf(table, one);
    const value = `value ->> '$.${column.column}'`;
    return `${isBytes(column) ? `unhex(${value})` : value} AS "${column.column}"`;
  });
  return `(SELECT ${list.join(", ")} FROM json_each(${rows})) AS ${name}`;
}

const optional = (word: string, text: string | undefined) => (text === undefined ? "" : ` ${word} ${text}`);
const quoted = (column: string) => `"${column}"`;

function statementOf(step: Step): string {
  switch (step.do) {
    case "select":
      return step.text;
    case "gather":
      return step.select;
    case "lock":
      return `SELECT ${returned(step.into)} FROM ${step.table.name} WHERE ${rowsOf(step, isIn)}`;
    case "update":
      return `UPDATE ${step.table.name} SET ${step.set}${optional("FROM", step.from)} WHERE ${rowsOf(step, isIn)}${returning(step)}`;
    case "remove":
      return `DELETE FROM ${step.table.name} WHERE ${step.where}${returning(step)}`;
    case "insert":
    case "upsert":
      return inserted(step);
    case "removeFirst": {
      const { table, key, where, and, order, limit } = step;
      return `DELETE FROM ${table.name} WHERE (${key.join(", ")}) IN (SELECT ${key.join(", ")} FROM ${table.name}
    WHERE ${where}${optional("AND", and)} ORDER BY ${order} ${limited(limit)})${returning(step)}`;
    }
    case "take": {
      const { table, due, among, set, order, limit, into } = step;
      const isAmong = among === undefined ? "" : ` AND id IN (${among})`;
      return `UPDATE ${table.name} SET ${set} WHERE id IN (SELECT id FROM ${table.name} WHERE ${due}${isAmong}
    ORDER BY ${order} ${limited(limit)}) RETURNING ${into.columns.map((one) => `${columnOf(table, one).column} AS "${one}"`).join(", ")}`;
    }
  }
}

const isBytes = ({ kind }: Column) => kind === "hash" || kind === "key" || kind === "bytes";

/** The RETURNING list of a row set. JSON has no type for bytes, so bytes become hexadecimal digits. */
const returned = ({ table, columns }: RowSet): string =>
  columns
    .map((one) => columnOf(table, one))
    .map((one) => (isBytes(one) ? `nullif(lower(hex(${one.column})), '') AS ${one.column}` : one.column))
    .join(", ");

const returning = ({ into }: { into?: RowSet | undefined }): string => (into ? ` RETURNING ${returned(into)}` : "");

function inserted(step: Extract<Step, { do: "insert" | "upsert" }>): string {
  const { table, values, from } = step;
  // The WHERE is always there. Without it SQLite would parse ON CONFLICT as the condition of a join.
  const where = (step.do === "insert" ? step.where : undefined) ?? "true";
  const insert = `INSERT INTO ${table.name} (${Object.keys(values).map(quoted).join(", ")})
    SELECT ${Object.values(values).join(", ")}${optional("FROM", from)} WHERE ${where}`;
  if (step.do === "insert") return `${insert}${optional("GROUP BY", step.group)}${returning(step)}`;
  const target = `${optional("ORDER BY", step.order)} ON CONFLICT (${step.key.map(quoted).join(", ")})`;
  if (step.update.length === 0) return `${insert}${target} DO NOTHING${returning(step)}`;
  const own = (column: string) => (step.adds ? `${table.name}."${column}" + ` : "");
  const sets = step.update.map((column) => `"${column}" = ${own(column)}excluded."${column}"`);
  const may = step.where?.replaceAll("given.", "excluded.");
  return `${insert}${target} DO UPDATE SET ${sets.join(", ")}${optional("WHERE", may)}${returning(step)}`;
}

export function rendered(plan: Plan): Program {
  const sets = setsOf(plan.steps);
  const steps = plan.steps.map((step): ProgramStep => {
    const params: string[] = [];
    const param = (name: string) => {
      if (!params.includes(name)) params.push(name);
      return `?${params.indexOf(name) + 1}`;
    };
    const rowSet = (name: string) => fromJson(sets.get(name) as RowSet, param(`${ROWS_OF}${name}`));
    const text = translated(statementOf(step), plan, { param, rowSet });
    const into = "into" in step && step.do !== "take" ? step.into?.name : undefined;
    const isRead = step.do === "select" || step.do === "take" || into !== undefined;
    const countAs = step.do === "remove" ? step.countAs : undefined;
    const scalars = scalarsOf(step).map(([value, , { column }]): [string, string] => [value, column]);
    return {
      text,
      params,
      isRead,
      ...(into && { into }),
      ...(countAs && { countAs }),
      ...(scalars.length > 0 && { scalars }),
      ...(step.do === "select" && step.cells && { cells: step.cells }),
    };
  });
  return { steps, isRead: plan.steps.every((step) => step.do === "select") };
}

let last = 0;

export const runnerOn = (client: SqliteClient): Runner => ({
  fragments,
  prepare(plan) {
    const program = rendered(plan);
    const id = ++last;
    const op = program.isRead ? "readProgram" : program.steps.length === 1 ? "runProgram" : "runPrograms";
    const bytes = Object.keys(plan.params).filter((name) => plan.params[name] === "bytes");
    let isKnown = false;
    return (values) => {
      const given = Object.fromEntries(
        Object.entries(plan.params).map(([name, kind]) => [name, bindable(kind, values[name])]),
      );
      const bodies = bytes.map((name) => (given[name] as Uint8Array<ArrayBuffer>).buffer);
      const size = bodies.reduce((sum, { byteLength }) => sum + byteLength, 0);
      // The thread handles messages in order, so only the first one has to bring the program.
      const sent = client.send(op, [id, given, isKnown ? null : program], size, bodies);
      isKnown = true;
      return sent;
    };
  },
});

function bindable(kind: ParamKind, value: unknown): unknown {
  const stored = storedValue(kind, value);
  // A body is copied once, because the copy is moved to the thread. The caller keeps the original, which may be part of
  // a pooled buffer.
  if (kind === "bytes") return Uint8Array.from(stored as Uint8Array);
  return kind === "ids" || kind === "uuids" || kind === "texts" ? JSON.stringify(stored) : stored;
}
