/** Carries out batches of T-SQL step by step on PostgreSQL, in place of a SQL Server. */
import type pg from "pg";
import type { Values } from "../../../database/dialects/mssql/sql.ts";
import { asNumbered, RAISED } from "./error-numbers.ts";
import { made, variableTable } from "./staged.ts";
import { asPostgres, columnsOf, type Step, stepsOf, typeOf } from "./tsql.ts";

export type Row = Record<string, unknown>;

interface Variable {
  type: string;
  value: unknown;
}

const TABLE = /^DECLARE @(\w+) TABLE \((.*)\)$/s;
const SCALAR = /^DECLARE @(\w+) (\w+(?:\(\w+\))?)(?: = (.*))?$/s;
const ASSIGNMENT = /^SET @(\w+) = (.*)$/s;
const ASSIGNING = /^(?:WITH waiting [^;]*?\)\s+)?SELECT (?:TOP \(1\) )?@\w+ = /;
/**
 * T-SQL's expression for the present time. PostgreSQL's clock answers it, with the rounding that our PostgreSQL statements use.
 */
const NOW = /^DATEDIFF_BIG\([^()]*SYSUTCDATETIME\(\)\)$/;
const PLAIN = /^@(\w+) (?:IS (NOT )?NULL|= (\d+))$/;
const TRANSACTION = /^(?:BEGIN TRAN|COMMIT|ROLLBACK)$/;
const SAVEPOINT = /^(SAVE|ROLLBACK) TRAN (\w+)$/;
/** Statements that set options or how a table is stored. They are skipped. */
const SILENT = /^(?:SET [A-Z_]+ \w+$|CREATE CLUSTERED INDEX )/;

/** Carries out one batch on one connection, or several batches in one transaction. */
export class Session {
  readonly #client: pg.PoolClient;
  readonly #variables = new Map<string, Variable>();
  /** The temporary table that stands for each table variable. */
  readonly #tables = new Map<string, string>();
  #rowCount = 0;
  #sets: Row[][] = [];
  #isOpen = false;
  #error: unknown = null;
  /** How many TRY blocks surround the statement. */
  #tries = 0;
  /** Statements without an answer. They are sent together with the next statement that has one. */
  readonly #unsent: string[] = [];

  constructor(client: pg.PoolClient, values: Values) {
    this.#client = client;
    for (const [name, { type, value }] of Object.entries(values)) {
      const { declaration } = (type as unknown as { type: { declaration: string } }).type;
      this.#variables.set(name, { type: typeOf(declaration), value });
    }
  }

  /** Answers the rows of the batch's SELECT. An error rolls its transaction back, as with XACT_ABORT. */
  async run(batch: string): Promise<Row[]> {
    try {
      for (const step of stepsOf(batch)) await this.#step(step);
      if (this.#isOpen) throw new Error("The transaction was left open.");
      return this.#sets.at(-1) ?? [];
    } finally {
      await this.end();
    }
  }

  /** Answers all results of the batch. A transaction may stay open. */
  async goOn(batch: string): Promise<Row[][]> {
    this.#variables.clear();
    this.#tables.clear();
    this.#sets = [];
    for (const step of stepsOf(batch)) await this.#step(step);
    return this.#sets;
  }

  /** Rolls an open transaction back. */
  async end(): Promise<void> {
    if (this.#isOpen) await this.#undo();
    this.#isOpen = false;
  }

  async #step(step: Step): Promise<void> {
    if (step.kind === "statement") return this.#statement(step.text);
    if (step.kind === "block") for (const one of step.steps) await this.#step(one);
    if (step.kind === "while") while (await this.#holds(step.condition)) await this.#step(step.body);
    if (step.kind === "try") return this.#try(step.steps, step.caught);
    if (step.kind !== "if") return;
    if (await this.#holds(step.condition)) await this.#step(step.body);
    else if (step.otherwise) await this.#step(step.otherwise);
  }

  async #try(steps: Step[], caught: Step[]): Promise<void> {
    this.#tries++;
    try {
      for (const step of steps) await this.#step(step);
      this.#tries--;
    } catch (error) {
      this.#tries--;
      this.#error = asNumbered(error);
      for (const step of caught) await this.#step(step);
    }
  }

  async #statement(text: string): Promise<void> {
    if (SILENT.test(text)) return;
    if (text === "THROW") throw this.#error;
    const [, how, savepoint] = SAVEPOINT.exec(text) ?? [];
    if (savepoint !== undefined)
      return void (await this.#send(`${how === "SAVE" ? "SAVEPOINT" : "ROLLBACK TO"} ${savepoint}`));
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
    const { rows, rowCount, fields } = await this.#query(text);
    if (/^(SELECT|WITH)\b/.test(text)) this.#sets.push(...(fields.length > 0 ? [rows] : []));
    else this.#rowCount = rowCount ?? 0;
  }

  async #transaction(text: string): Promise<void> {
    const isBegin = text === "BEGIN TRAN";
    if (isBegin === this.#isOpen) throw new Error(`${text} in the wrong place.`);
    if (text === "ROLLBACK") return this.#rolledBack();
    if (isBegin) this.#unsent.push("BEGIN");
    else await this.#send(text);
    this.#isOpen = isBegin;
  }

  /** Rolls back. Table variables keep their rows, as in SQL Server. */
  async #rolledBack(): Promise<void> {
    const kept: [string, Row[]][] = [];
    for (const table of this.#tables.values()) kept.push([table, (await this.#send(`SELECT * FROM ${table}`)).rows]);
    await this.end();
    for (const [table, rows] of kept) {
      const list = `jsonb_populate_recordset(NULL::${table}, $1::jsonb)`;
      await this.#send(`DELETE FROM ${table}`);
      await this.#send(`INSERT INTO ${table} SELECT * FROM ${list}`, [JSON.stringify(rows)]);
    }
  }

  /** Undoes to the savepoint. Tables that were made since then are removed. */
  async #undo(): Promise<void> {
    made.delete(this.#client);
    await this.#send("ROLLBACK");
  }

  async #table(name: string, columns: string): Promise<void> {
    const { table, make, empty } = variableTable(this.#client, name, columnsOf(columns));
    // The rollback has removed a table that was made in the transaction.
    if (make) await this.#client.query(make);
    else this.#unsent.push(empty);
    this.#tables.set(name, table);
  }

  /** Sends a statement, after the statements that were not sent yet. */
  async #send(text: string, values?: unknown[]): Promise<pg.QueryResult<Row>> {
    const before = this.#unsent.splice(0);
    if (before.length > 0) await this.#client.query(before.join(";"));
    return this.#client.query(text, values);
  }

  /** Sets variables from a SELECT. Without a row they stay as they are. */
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

  async #valueOf(expression: string): Promise<unknown> {
    const plain = this.#plainValueOf(expression);
    return plain === undefined ? (await this.#query(`SELECT (${expression}) AS value`)).rows[0]?.value : plain;
  }

  /**
   * The value of a number, of the present time, or of a test of one variable, computed without PostgreSQL. These are most
   * expressions. Undefined for any other expression.
   */
  #plainValueOf(expression: string): number | boolean | null | undefined {
    if (/^\d+$/.test(expression)) return Number(expression);
    if (expression === "@@ROWCOUNT") return this.#rowCount;
    if (NOW.test(expression)) return Date.now();
    const [, name = "", not, number] = PLAIN.exec(expression) ?? [];
    const variable = this.#variables.get(name);
    if (!variable) return undefined;
    const isNull = variable.value === null;
    if (number === undefined) return not ? !isNull : isNull;
    return isNull ? null : Number(variable.value) === Number(number);
  }

  /** Sends a query. Within TRY an error undoes only this statement. */
  async #query(statement: string): Promise<pg.QueryResult<Row>> {
    if (!this.#isOpen || this.#tries === 0) return this.#asked(statement);
    await this.#send("SAVEPOINT before_statement");
    try {
      const answer = await this.#asked(statement);
      await this.#send("RELEASE before_statement");
      return answer;
    } catch (error) {
      await this.#send("ROLLBACK TO before_statement");
      throw error;
    }
  }

  #asked(statement: string): Promise<pg.QueryResult<Row>> {
    const numbers = new Map<string, number>();
    const text = asPostgres(statement).replaceAll(/'[^']*'|@@\w+|#\w+|@\w+|[A-Z]+_[A-Z]+\(\)/g, (word) => {
      if (word.startsWith("'")) return word;
      if (word.endsWith("()")) return this.#told(word);
      if (word === "@@TRANCOUNT") return this.#isOpen ? "1" : "0";
      if (word === "@@ROWCOUNT") return String(this.#rowCount);
      const name = word.slice(1);
      if (word.startsWith("#")) return `staged_${name}`;
      const table = this.#tables.get(name);
      if (table !== undefined) return table;
      const number = numbers.get(name) ?? numbers.size + 1;
      numbers.set(name, number);
      return `$${number}::${this.#variables.get(name)?.type ?? "undeclared"}`;
    });
    return this.#send(
      text,
      [...numbers.keys()].map((name) => this.#variables.get(name)?.value),
    );
  }

  /** Answers a function about the caught error. An error of a trigger dooms the transaction. */
  #told(called: string): string {
    const { number = 0, message = "" } = (this.#error ?? {}) as { number?: number; message?: string };
    if (called === "ERROR_NUMBER()") return String(number);
    if (called === "ERROR_MESSAGE()") return `'${message.replaceAll("'", "''")}'`;
    if (called !== "XACT_STATE()") return called;
    if (!this.#isOpen) return "0";
    return number === RAISED ? "-1" : "1";
  }
}
