/** Batches of T-SQL, carried out step by step on PostgreSQL, which stands in for a server that does not run here. */
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { errorOf, isPassing } from "../../../database/dialects/mssql/failure.ts";
import type { Sql, Staged, Values } from "../../../database/dialects/mssql/sql.ts";
import { withFew } from "../../../database/dialects/mssql/staging.ts";
import { types } from "../../../database/dialects/postgres/types.ts";
import { asPostgres, columnsOf, type Step, stepsOf, typeOf } from "./tsql.ts";

type Row = Record<string, unknown>;

interface Variable {
  type: string;
  value: unknown;
}

const TABLE = /^DECLARE @(\w+) TABLE \((.*)\)$/s;
const SCALAR = /^DECLARE @(\w+) (\w+(?:\(\w+\))?)(?: = (.*))?$/s;
const ASSIGNMENT = /^SET @(\w+) = (.*)$/s;
const ASSIGNING = /^(?:WITH waiting [^;]*?\)\s+)?SELECT (?:TOP \(1\) )?@\w+ = /;
const TRANSACTION = /^(?:BEGIN TRAN|COMMIT|ROLLBACK)$/;

/** One batch on one connection. */
class Session {
  readonly #client: pg.PoolClient;
  readonly #variables = new Map<string, Variable>();
  readonly #tables = new Set<string>();
  #rowCount = 0;
  #answer: Row[] = [];
  #isOpen = false;

  constructor(client: pg.PoolClient, values: Values) {
    this.#client = client;
    for (const [name, { type, value }] of Object.entries(values)) {
      const { declaration } = (type as unknown as { type: { declaration: string } }).type;
      this.#variables.set(name, { type: typeOf(declaration), value });
    }
  }

  /** The rows of its SELECT. An error undoes its transaction, as with XACT_ABORT. */
  async run(batch: string): Promise<Row[]> {
    try {
      for (const step of stepsOf(batch)) await this.#step(step);
      if (this.#isOpen) throw new Error("The transaction was left open.");
      return this.#answer;
    } finally {
      if (this.#isOpen) await this.#client.query("ROLLBACK");
    }
  }

  async #step(step: Step): Promise<void> {
    if (step.kind === "statement") return this.#statement(step.text);
    if (step.kind === "block") for (const one of step.steps) await this.#step(one);
    if (step.kind === "while") while (await this.#holds(step.condition)) await this.#step(step.body);
    if (step.kind !== "if") return;
    if (await this.#holds(step.condition)) await this.#step(step.body);
    else if (step.otherwise) await this.#step(step.otherwise);
  }

  async #statement(text: string): Promise<void> {
    if (TRANSACTION.test(text)) return this.#transaction(text);
    const [, table, columns] = TABLE.exec(text) ?? [];
    if (table !== undefined) return this.#table(table, columns as string);
    const [, scalar, type, initial] = SCALAR.exec(text) ?? [];
    if (scalar !== undefined) {
      this.#variables.set(scalar, {
        type: typeOf(type as string),
        value: initial ? await this.#valueOf(initial) : null,
      });
      return;
    }
    const [, variable, expression] = ASSIGNMENT.exec(text) ?? [];
    if (variable !== undefined) return this.#assign(variable, await this.#valueOf(expression as string));
    if (ASSIGNING.test(text)) return this.#select(text);
    const { rows, rowCount } = await this.#query(text);
    if (/^(SELECT|WITH)\b/.test(text)) this.#answer = rows;
    else this.#rowCount = rowCount ?? 0;
  }

  async #transaction(text: string): Promise<void> {
    const isBegin = text === "BEGIN TRAN";
    if (isBegin === this.#isOpen) throw new Error(`${text} in the wrong place.`);
    await this.#client.query(isBegin ? "BEGIN" : text);
    this.#isOpen = isBegin;
  }

  async #table(name: string, columns: string): Promise<void> {
    this.#tables.add(name);
    await this.#client.query(`DROP TABLE IF EXISTS pg_temp.var_${name}`);
    await this.#client.query(`CREATE TEMP TABLE var_${name} (${columnsOf(columns)})`);
  }

  /** Without a row the variables stay as they are. */
  async #select(text: string): Promise<void> {
    const names: string[] = [];
    const select = text.replaceAll(
      /([ ,]) ?@(\w+) = (?=(?:\w+\([\w.]+\)|\w+(?:\.\w+)?)(?:,|\s+FROM))/g,
      (_all, before, name) => {
        names.push(name);
        return before;
      },
    );
    const [row] = (await this.#query(select)).rows;
    if (row) for (const [i, value] of Object.values(row).entries()) this.#assign(names[i] as string, value);
  }

  #assign(name: string, value: unknown): void {
    const variable = this.#variables.get(name);
    if (!variable) throw new Error(`@${name} is not declared.`);
    variable.value = value;
  }

  #holds = async (condition: string) => (await this.#valueOf(condition)) === true;

  #valueOf = async (expression: string) => (await this.#query(`SELECT (${expression}) AS value`)).rows[0]?.value;

  #query(statement: string): Promise<pg.QueryResult<Row>> {
    const numbers = new Map<string, number>();
    const text = asPostgres(statement).replaceAll(/'[^']*'|@@ROWCOUNT|#\w+|@\w+/g, (word) => {
      if (word.startsWith("'")) return word;
      if (word === "@@ROWCOUNT") return String(this.#rowCount);
      const name = word.slice(1);
      if (word.startsWith("#")) return `staged_${name}`;
      if (this.#tables.has(name)) return `var_${name}`;
      const number = numbers.get(name) ?? numbers.size + 1;
      numbers.set(name, number);
      return `$${number}::${this.#variables.get(name)?.type ?? "undeclared"}`;
    });
    return this.#client.query(
      text,
      [...numbers.keys()].map((name) => this.#variables.get(name)?.value),
    );
  }
}

async function load(client: pg.PoolClient, { name, columns, rows }: Staged): Promise<void> {
  const table = `staged_${name.slice(1)}`;
  const list = Object.entries(columns).map(([column, { sql }]) => `"${column}" ${typeOf(sql)}`);
  await client.query(`DROP TABLE IF EXISTS pg_temp.${table}`);
  await client.query(`CREATE TEMP TABLE ${table} (${list.join(", ")})`);
  const places = list.map((_column, i) => `$${i + 1}`).join(", ");
  for (const row of rows) await client.query(`INSERT INTO ${table} VALUES (${places})`, row);
}

const numbers: Record<string, number> = { "40P01": 1205, "23505": 2627 };

/** PostgreSQL's error as SQL Server would tell it. */
function asTold(error: unknown): unknown {
  const { code, table } = error as { code?: string; table?: string };
  const number = numbers[code ?? ""];
  if (number === undefined) return error;
  return Object.assign(new Error(`Cannot insert duplicate key in object 'dbo.${table}'.`), { number });
}

const MOST_TRIES = 6;

/** As `Sql`, on a schema of PostgreSQL. What has few rows goes both ways in turn: with its batch, and loaded as many are. */
export class StandIn {
  readonly #pool: pg.Pool;
  #calls = 0;

  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: 8, types });
  }

  asSql = (): Sql => this as unknown as Sql;
  all = (text: string, values: Values = {}) => this.staged([], text, values);
  get = async (text: string, values?: Values) => (await this.all(text, values))[0];

  async staged(tables: Staged[], text: string, values: Values = {}): Promise<Row[]> {
    const few = tables.length > 0 && this.#calls++ % 2 === 0 ? withFew(tables, text, values) : null;
    for (let tries = 1; ; tries++) {
      try {
        return await (few ? this.#once([], few.text, few.values) : this.#once(tables, text, values));
      } catch (error) {
        const told = asTold(error);
        if (!isPassing(told) || tries === MOST_TRIES) throw errorOf(told);
        await pause(2 ** tries * 5 * Math.random());
      }
    }
  }

  async #once(tables: Staged[], text: string, values: Values): Promise<Row[]> {
    const client = await this.#pool.connect();
    try {
      for (const table of tables) await load(client, table);
      return await new Session(client, values).run(text);
    } finally {
      client.release();
    }
  }

  end = () => this.#pool.end();
}
