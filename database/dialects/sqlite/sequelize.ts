/** A stand-in for the `sqlite3` package that Sequelize expects. Its connections are sessions in SQLite's thread. */
import { type Options, Sequelize } from "sequelize";
import type { SqliteClient } from "./client.ts";
import type { SqlParams, SqlResult, SqlValue } from "./sql.ts";

type Callback = (this: Statement, error: Error | null, rows?: unknown[]) => void;

/** The class has this name because Sequelize checks for it before it reads the id of an insert from `lastID`. */
class Statement {
  readonly lastID: number;
  readonly changes: number;
  constructor({ lastId, changes }: { lastId: number; changes: number }) {
    this.lastID = lastId;
    this.changes = changes;
  }
}

/**
 * Whether a statement asks for the types of a table's columns. Sequelize sends it before each SELECT of a model, to
 * convert dates and JSON. DataFlow's tables have no such columns, so the thread need not be asked.
 */
const isForTypes = (text: string) => text.startsWith("PRAGMA table_info(`");

export function sequelizeOn(client: SqliteClient): Sequelize {
  const options: Options & { foreignKeys: boolean } = {
    dialect: "sqlite",
    // The storage is only a name, because the thread has the file open. With `:memory:` Sequelize would use one
    // connection for all transactions.
    storage: "dataflow",
    dialectModule: driver(client),
    logging: false,
    foreignKeys: false,
  };
  return new Sequelize(options);
}

function driver(client: SqliteClient): object {
  let lastSession = 0;

  class Database {
    readonly filename = "dataflow";
    /** Sequelize sets this member on the connection of a transaction. */
    uuid?: string;
    #session = ++lastSession;

    constructor(_file: string, _mode: number, opened: (error: Error | null) => void) {
      setImmediate(opened, null);
    }

    serialize(act: () => void): void {
      act();
    }

    run(text: string, ...rest: [Callback?] | [unknown, Callback?]): this {
      return this.all(text, ...rest);
    }

    /** Called as `(text, done)` or as `(text, params, done)`. */
    all(text: string, ...rest: [Callback?] | [unknown, Callback?]): this {
      const done = rest.at(-1) instanceof Function ? (rest.at(-1) as Callback) : undefined;
      const params = rest[0] === done ? undefined : rest[0];
      if (isForTypes(text)) {
        done?.call(new Statement({ lastId: 0, changes: 0 }), null, []);
        return this;
      }
      client.sql(this.#session, text, bindable(params)).then(
        (result) => done?.call(new Statement(result), null, rowsOf(result)),
        (error: Error) => done?.call(new Statement({ lastId: 0, changes: 0 }), error),
      );
      return this;
    }

    close(done?: (error: Error | null) => void): void {
      client.endSession(this.#session).then(
        () => done?.(null),
        () => done?.(null),
      );
    }
  }

  // With OPEN_CREATE 0 Sequelize creates no folder.
  return { Database, OPEN_READWRITE: 1, OPEN_CREATE: 0, verbose: () => undefined };
}

function bindable(params: unknown): SqlParams {
  if (Array.isArray(params)) return params.map(value);
  return Object.fromEntries(Object.entries(params ?? {}).map(([name, found]) => [name, value(found)]));
}

function value(found: unknown): SqlValue {
  if (typeof found === "boolean") return found ? 1 : 0;
  if (found instanceof Uint8Array) return Uint8Array.from(found);
  if (found instanceof Date) return found.getTime();
  return (found ?? null) as SqlValue;
}

const rowsOf = ({ rows }: SqlResult) =>
  rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, found]) => [name, buffer(found)])));

const buffer = (found: unknown) =>
  found instanceof Uint8Array ? Buffer.from(found.buffer, found.byteOffset, found.byteLength) : found;
