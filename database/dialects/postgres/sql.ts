/** Runs statements on one pool of connections. A unit is ONE statement, so no row stays locked during a round trip. */
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import type { Logger, Target } from "../../dialect.ts";
import { ConstraintViolation } from "../../errors.ts";
import type { Names } from "../../schema/names.ts";
import { withRetries } from "../retry.ts";
import { errorOf, isCut, isFull, isTransient, unavailable } from "./failure.ts";
import { type Limits, QUERY_TIMEOUT_MS } from "./limits.ts";
import { type Links, types } from "./links.ts";
import { isElsewhere } from "./pooler.ts";
import { Transaction } from "./transaction.ts";

/** The time by the database's clock, in epoch ms. It is the same throughout a statement. */
export const NOW = "(extract(epoch FROM statement_timestamp()) * 1000)::bigint";

/** How long to retry when all connections of the server are taken. Usually a connection is free again soon. */
const FULL_MS = 2_000;

/** Whether the statement only reads. A read with a lost answer may be repeated. */
export const isRead = (text: string): boolean => text.startsWith("SELECT ");

interface Greeting {
  /** The server's version as a number, at least 140000. */
  version: number;
  /** Whether the server ends a wait for a lock by itself. */
  hasLimits: boolean;
}
const GREETING = `SELECT current_setting('server_version_num')::int AS version, pg_backend_pid() AS pid,
  current_setting('lock_timeout') <> '0' AS "hasLimits"`;

interface Answered<T> {
  rows: T[];
  rowCount: number;
}

export class Sql {
  readonly #pool: pg.Pool;
  /** The names of the tables in this database. */
  readonly names: Names;
  /** Prepared statements by the text of their unit. */
  readonly #known = new Map<string, { name: string; text: string }>();
  readonly #links: Links;
  readonly #logger: Logger | undefined;

  /** Whether a pooler may run each statement on another server connection. */
  #isPooled = false;

  constructor({ url, connections }: Target, links: Links, limits: Limits, names: Names, logger?: Logger) {
    this.#links = links;
    this.names = names;
    this.#logger = logger;
    this.#pool = new pg.Pool({
      Client: links.Client,
      connectionString: url,
      max: connections,
      types,
      ...limits,
    });
    // An idle connection that breaks would end the process if nobody listened. The pool replaces the connection.
    this.#pool.on("error", (error) => logger?.warn(`A connection to the database broke: ${error.message}`));
  }

  /**
   * Runs the first query, and detects a pooler: behind a pooler, the process that answers is not the one that accepted
   * the connection. Then statements are not prepared, because the next statement may run on another server connection.
   */
  async greet(): Promise<Greeting> {
    const client = await this.#connect();
    const { rows } = await this.#asked<Greeting & { pid: number }>(client, { text: GREETING });
    const [{ pid, ...greeting }] = rows as [Greeting & { pid: number }];
    this.#isPooled = pid !== client.processID;
    return greeting;
  }

  /**
   * Logs why several batches could not be written in one statement. The caller then writes each batch by itself, so
   * nothing is lost. A violated constraint is expected (one of the batches was sent before), and is not logged.
   */
  warnUngrouped(error: unknown): void {
    if (error instanceof ConstraintViolation) return;
    this.#logger?.warn(
      `Several batches could not be written in one statement, each is written by itself: ${(error as Error).message}`,
    );
  }

  /** Runs a statement, and answers its rows. */
  async all<T>(text: string, ...values: unknown[]): Promise<T[]> {
    return (await this.run<T>(text, values)).rows;
  }

  /** Runs a statement, and answers its rows and how many it changed. */
  run<T>(text: string, values: unknown[]): Promise<Answered<T>> {
    return this.#tried<T>(() => this.#queryOf(text, values));
  }

  /** Runs a statement without preparing it, because its text differs each time. */
  async once(text: string): Promise<void> {
    await this.#tried(() => ({ text: this.names.in(text) }));
  }

  /** Sends several statements in one message without preparing them, and answers the rows of all statements. */
  async send<T>(text: string): Promise<T[]> {
    return (await this.#tried<T>(() => ({ text: this.names.in(text) }))).rows;
  }

  #tried<T>(query: () => pg.QueryConfig): Promise<Answered<T>> {
    return withRetries(async () => this.#asked<T>(await this.#connect(), query()), {
      isTransient: (error) => {
        if (isElsewhere(error)) this.#isPooled = true;
        return isTransient(error) || isElsewhere(error);
      },
      told: errorOf,
      mostMs: QUERY_TIMEOUT_MS,
    });
  }

  /**
   * Runs several statements in a transaction on one connection. An error of `work` rolls the transaction back and is
   * thrown unchanged. Throws DatabaseUnavailable if the connection breaks; if that happens during COMMIT, the outcome
   * is unknown.
   */
  async transaction<T>(work: (unit: Transaction) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    return this.#during(client, async (breaks) => {
      const unit = new Transaction(client);
      try {
        return await work(unit);
      } catch (error) {
        throw unit.broken ? unavailable(unit.broken, unit.isCommitting) : error;
      } finally {
        await unit.end();
        if (unit.broken) breaks(unit.broken);
      }
    });
  }

  async #asked<T>(client: pg.PoolClient, query: pg.QueryConfig): Promise<Answered<T>> {
    return this.#during(client, async (breaks) => {
      try {
        // The driver answers several statements with several results.
        const answer: pg.QueryResult | pg.QueryResult[] = await client.query(query);
        if (Array.isArray(answer)) return { rows: answer.flatMap(({ rows }) => rows as T[]), rowCount: 0 };
        return { rows: answer.rows as T[], rowCount: answer.rowCount ?? 0 };
      } catch (error) {
        // The connection is dropped: the rest of this answer would be taken for the answer to the next query.
        breaks(error as Error);
        throw isCut(error) ? unavailable(error, !isRead(query.text)) : error;
      }
    });
  }

  /**
   * Runs `work` with the connection, then gives the connection back to the pool. `work` calls `breaks` if the
   * connection must not be used again.
   */
  async #during<T>(client: pg.PoolClient, work: (breaks: (error: Error) => void) => Promise<T>): Promise<T> {
    let broken: Error | undefined;
    const breaks = (error: Error) => {
      broken = error;
    };
    // A connection that breaks in use would end the process if nobody listened. Its query fails as well.
    client.on("error", breaks);
    try {
      return await work(breaks);
    } finally {
      client.off("error", breaks);
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

  /** The query as the driver takes it. It has a short name, under which each connection prepares it once. */
  #queryOf(text: string, values: unknown[]): pg.QueryConfig {
    const known = this.#known.get(text) ?? this.#prepared(text);
    return this.#isPooled ? { text: known.text, values } : { ...known, values };
  }

  #prepared(of: string): { name: string; text: string } {
    const text = this.names.in(of);
    const known = { name: createHash("sha1").update(text).digest("base64url"), text };
    this.#known.set(of, known);
    return known;
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
