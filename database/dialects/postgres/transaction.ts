/** Several statements on one connection, the last of which goes with COMMIT in the same message. */
import pg from "pg";
import { isCut } from "./failure.ts";

export class Transaction {
  readonly #client: pg.PoolClient;
  #isOpen = false;
  /** Why the connection cannot be used any more. */
  broken: Error | null = null;
  /** COMMIT was sent, and its answer did not come. */
  isCommitting = false;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  /** Begins the transaction, also after an error, and rolls earlier work back. */
  async begin(settings: string): Promise<void> {
    const undo = this.#isOpen ? "ROLLBACK; " : "";
    this.#isOpen = true;
    await this.#asked(() => this.#client.query(`${undo}BEGIN ISOLATION LEVEL READ COMMITTED; ${settings}`));
  }

  /** Undoes what was not committed. Never rejects. */
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

  /** A statement with a text of its own, which is not prepared. */
  async run<T>(text: string, values: unknown[] = []): Promise<T[]> {
    const { rows } = await this.#asked(() => this.#client.query({ text, values }));
    return rows as T[];
  }

  /** The same. Answers how many rows it has changed. */
  async change(text: string, values: unknown[]): Promise<number> {
    const { rowCount } = await this.#asked(() => this.#client.query({ text, values }));
    return rowCount ?? 0;
  }

  /**
   * A statement and COMMIT in one message: what the statement locks waits for no round trip. Where it fails, the server passes
   * over the COMMIT.
   */
  async commit<T>(text: string, values: unknown[]): Promise<T[]> {
    this.isCommitting = true;
    // Without values the driver would send the text alone, by a way that has no Sync to put the COMMIT before.
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

/** The driver's types do not know `queryMode`. */
type Extended = pg.QueryConfig & { queryMode: "extended" };
type Callback = (error: Error | null, results: unknown) => void;

interface Submitted {
  submit(connection: pg.Connection): unknown;
}

// The driver's types declare `submit` as a property, which no class can override.
const Query = pg.Query as unknown as new (config: pg.QueryConfig, values: undefined, callback: Callback) => Submitted;

/** The driver's query, before whose end (Sync) COMMIT is put. */
class WithCommit extends Query {
  override submit(connection: pg.Connection): unknown {
    const sync = () => {
      // The driver's types ask for arguments that it does not take.
      const own = connection as unknown as Messages;
      own.parse({ text: "COMMIT", name: "" });
      own.bind({ portal: "", statement: "", values: [] });
      own.execute({ portal: "", rows: 0 });
      own.sync();
    };
    return super.submit(Object.create(connection, { sync: { value: sync } }));
  }
}

/** What the driver's connection can send. */
interface Messages {
  parse(query: { text: string; name: string }): void;
  bind(config: { portal: string; statement: string; values: unknown[] }): void;
  execute(config: { portal: string; rows: number }): void;
  sync(): void;
}
