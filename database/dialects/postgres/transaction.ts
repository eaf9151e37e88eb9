/** A transaction of several statements on one connection. The last statement is sent in one message with COMMIT. */
import pg from "pg";
import { isCut } from "./failure.ts";

export class Transaction {
  readonly #client: pg.PoolClient;
  #isOpen = false;
  /** The error after which the connection cannot be used any more. */
  broken: Error | null = null;
  /** Whether COMMIT was sent, and its answer has not come. */
  isCommitting = false;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  /** Begins the transaction. Rolls back earlier work first, also after an error. */
  async begin(settings: string): Promise<void> {
    const undo = this.#isOpen ? "ROLLBACK; " : "";
    this.#isOpen = true;
    await this.#asked(() => this.#client.query(`${undo}BEGIN ISOLATION LEVEL READ COMMITTED; ${settings}`));
  }

  /** Rolls back what was not committed. Never rejects. */
  async end(): Promise<void> {
    if (!this.#isOpen || this.broken) return;
    await this.#client.query("ROLLBACK").catch((error: Error) => {
      this.broken = error;
    });
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (isCut(error)) this.broken = error as Error;
      throw error;
    }
  }

  /** Runs a statement without preparing it, because its text differs each time. */
  async run<T>(text: string, values: unknown[] = []): Promise<T[]> {
    const { rows } = await this.#asked(() => this.#client.query({ text, values }));
    return rows as T[];
  }

  /** Runs a statement without preparing it, and answers how many rows it has changed. */
  async change(text: string, values: unknown[]): Promise<number> {
    const { rowCount } = await this.#asked(() => this.#client.query({ text, values }));
    return rowCount ?? 0;
  }

  /**
   * Runs a statement and COMMIT in one message, so that the statement's locks are not held during a round trip. If the
   * statement fails, the server skips the COMMIT.
   */
  async commit<T>(text: string, values: unknown[]): Promise<T[]> {
    this.isCommitting = true;
    // The query mode is extended. Without it and without values, the driver would send only the text, in a protocol
    // that has no Sync to put the COMMIT before.
    const [result] = await this.#asked(() => this.#withCommit({ text, values, queryMode: "extended" }));
    this.#isOpen = false;
    return (result?.rows ?? []) as T[];
  }

  #withCommit(query: Extended): Promise<pg.QueryResult[]> {
    return new Promise((resolve, reject) => {
      const told = (error: Error | null, results: unknown) =>
        error ? reject(error) : resolve([results].flat() as pg.QueryResult[]);
      this.#client.query(new WithCommit(query, undefined, told));
    });
  }
}

/** A query with `queryMode`, which the driver's types lack. */
type Extended = pg.QueryConfig & { queryMode: "extended" };
type Callback = (error: Error | null, results: unknown) => void;

interface Submitted {
  submit(connection: pg.Connection): unknown;
}

// The driver's types declare `submit` as a property, which no class can override.
const Query = pg.Query as unknown as new (config: pg.QueryConfig, values: undefined, callback: Callback) => Submitted;

/** A query of the driver that sends COMMIT before its end (Sync). */
class WithCommit extends Query {
  override submit(connection: pg.Connection): unknown {
    const sync = () => {
      // The cast is needed because the driver's types ask for arguments that the driver does not use.
      const own = connection as unknown as Messages;
      own.parse({ text: "COMMIT", name: "" });
      own.bind({ portal: "", statement: "", values: [] });
      own.execute({ portal: "", rows: 0 });
      own.sync();
    };
    return super.submit(Object.create(connection, { sync: { value: sync } }));
  }
}

/** The messages that the driver's connection can send. */
interface Messages {
  parse(query: { text: string; name: string }): void;
  bind(config: { portal: string; statement: string; values: unknown[] }): void;
  execute(config: { portal: string; rows: number }): void;
  sync(): void;
}
