/** One pool of connections, and every unit as ONE statement: no row is locked while a client thinks. */
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "../../database.ts";
import { errorOf, isCut, isFull, isPassing, unavailable } from "./failure.ts";
import type { Links } from "./links.ts";

/** The clock of the database, epoch ms; the same within a statement. */
export const NOW = "(extract(epoch FROM statement_timestamp()) * 1000)::bigint";

/**
 * A link that is open but silent is taken for cut after so long: longer than any statement of ours takes, and short
 * enough that a caller, who waits 30 s, hears that the database is away, and that a lease outlives it.
 */
const QUERY_TIMEOUT_MS = 10_000;
export const CONNECT_TIMEOUT_MS = 5_000;
/** A row that is locked for longer belongs to somebody who is stuck. */
const LOCK_TIMEOUT_MS = 5_000;
const IDLE_IN_TRANSACTION_MS = 10_000;
/** A server takes 100 from all nodes unless it is told otherwise, and small uploads go together. */
const CONNECTIONS = 8;
/** A server whose connections are all taken has one free again soon, as a rule: idle ones are given back. */
const FULL_MS = 2_000;
const MOST_TRIES = 6;

// Ids and times are below 2^53. For the whole process: Sequelize asks the same table of parsers.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** What every connection of ours keeps, also those of the models. */
export const timeouts = {
  query_timeout: QUERY_TIMEOUT_MS,
  statement_timeout: QUERY_TIMEOUT_MS,
  lock_timeout: LOCK_TIMEOUT_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
  keepAlive: true,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  application_name: "dataflow",
};

/** What it did not answer it did not do either. */
export const isRead = (text: string): boolean => text.startsWith("SELECT ");

export class Sql {
  readonly #pool: pg.Pool;
  readonly #names = new Map<string, string>();
  readonly #links: Links;

  constructor(url: string, links: Links, logger?: Logger) {
    this.#links = links;
    this.#pool = new pg.Pool({
      Client: links.Client,
      connectionString: url,
      max: CONNECTIONS,
      ...timeouts,
    });
    // A connection that breaks while nobody uses it would end the process otherwise; the pool makes a new one.
    this.#pool.on("error", (error) => logger?.warn(`A connection to the database broke: ${error.message}`));
  }

  /** The rows of a prepared statement. What passes by itself (deadlock, serialization) is tried again, with jitter. */
  async all<T>(text: string, ...values: unknown[]): Promise<T[]> {
    const beganAt = performance.now();
    for (let tries = 1; ; tries++) {
      try {
        return await this.#once<T>({ name: this.#nameOf(text), text, values });
      } catch (error) {
        const isLate = performance.now() - beganAt > QUERY_TIMEOUT_MS;
        if (!isPassing(error) || tries === MOST_TRIES || isLate) throw errorOf(error);
        await pause(2 ** tries * 5 * Math.random());
      }
    }
  }

  async #once<T>(query: pg.QueryConfig): Promise<T[]> {
    const client = await this.#connect();
    let broken: Error | undefined;
    // Without a listener a connection that breaks in use would end the process; its query is told of it as well.
    const onError = (error: Error) => {
      broken = error;
    };
    client.on("error", onError);
    try {
      return (await client.query(query)).rows as T[];
    } catch (error) {
      // What is left of an answer would be taken for the answer to the next question.
      broken = error as Error;
      throw isCut(error) ? unavailable(error, !isRead(query.text)) : error;
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    for (const beganAt = performance.now(); ; ) {
      try {
        const client = await this.#pool.connect();
        if (this.#links.isTrusted(client)) return client;
        client.release(true);
      } catch (error) {
        if (!isFull(error) || performance.now() - beganAt > FULL_MS) throw unavailable(error);
        await pause(50 + 100 * Math.random());
      }
    }
  }

  async get<T>(text: string, ...values: unknown[]): Promise<T | undefined> {
    return (await this.all<T>(text, ...values))[0];
  }

  /** Prepared once a connection, whatever its length. */
  #nameOf(text: string): string {
    const known = this.#names.get(text);
    if (known) return known;
    const name = createHash("sha1").update(text).digest("base64url");
    this.#names.set(text, name);
    return name;
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
