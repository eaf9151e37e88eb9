/** One pool of connections, and every unit as ONE statement: no row is locked while a client thinks. */
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import type { Logger, Target } from "../../dialect.ts";
import { ConstraintViolation } from "../../errors.ts";
import type { Names } from "../../schema/names.ts";
import { errorOf, isCut, isFull, isPassing, unavailable } from "./failure.ts";
import { type Limits, QUERY_TIMEOUT_MS } from "./limits.ts";
import type { Links } from "./links.ts";
import { isElsewhere } from "./pooler.ts";
import { types } from "./types.ts";

/** The clock of the database, epoch ms; the same within a statement. */
export const NOW = "(extract(epoch FROM statement_timestamp()) * 1000)::bigint";

/** A server whose connections are all taken has one free again soon, as a rule: idle ones are given back. */
const FULL_MS = 2_000;
const MOST_TRIES = 6;

/** What it did not answer it did not do either. */
export const isRead = (text: string): boolean => text.startsWith("SELECT ");

interface Greeting {
  /** As a number: 140000 and more. */
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
  /** What the tables are called there. */
  readonly names: Names;
  /** By the text that the unit has. */
  readonly #known = new Map<string, { name: string; text: string }>();
  readonly #links: Links;
  readonly #logger: Logger | undefined;

  /** Whether the next statement may find itself on another connection of the server's. */
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
    // A connection that breaks while nobody uses it would end the process otherwise; the pool makes a new one.
    this.#pool.on("error", (error) => logger?.warn(`A connection to the database broke: ${error.message}`));
  }

  /**
   * The first question. A server's process that is not the one of the greeting tells of a pooler between: statements are not
   * prepared then, for the connection that has them may serve somebody else.
   */
  async greet(): Promise<Greeting> {
    const client = await this.#connect();
    const { rows } = await this.#asked<Greeting & { pid: number }>(client, { text: GREETING });
    const [{ pid, ...greeting }] = rows as [Greeting & { pid: number }];
    this.#isPooled = pid !== (client as unknown as { processID: number }).processID;
    return greeting;
  }

  /**
   * Logs why several batches could not be written in one statement. They are written one by one instead, so nothing is lost.
   * A violated constraint is expected (one of them was sent before) and is not logged.
   */
  oneByOne(error: unknown): void {
    if (error instanceof ConstraintViolation) return;
    this.#logger?.warn(
      `Several batches could not be written in one statement, each is written by itself: ${(error as Error).message}`,
    );
  }

  /** The rows of a statement. */
  async all<T>(text: string, ...values: unknown[]): Promise<T[]> {
    return (await this.run<T>(text, values)).rows;
  }

  /** Its rows, and how many it has changed. */
  run<T>(text: string, values: unknown[]): Promise<Answered<T>> {
    return this.#tried<T>(() => this.#queryOf(text, values));
  }

  /** A statement that has another text each time, so that it is not kept prepared. */
  async once(text: string): Promise<void> {
    await this.#tried(() => ({ text: this.names.in(text) }));
  }

  /** What passes by itself (deadlock, serialization) is tried again, with jitter. */
  async #tried<T>(query: () => pg.QueryConfig): Promise<Answered<T>> {
    const beganAt = performance.now();
    for (let tries = 1; ; tries++) {
      try {
        return await this.#asked<T>(await this.#connect(), query());
      } catch (error) {
        if (isElsewhere(error)) this.#isPooled = true;
        const isLate = performance.now() - beganAt > QUERY_TIMEOUT_MS;
        if (!(isPassing(error) || isElsewhere(error)) || tries === MOST_TRIES || isLate) throw errorOf(error);
        await pause(2 ** tries * 5 * Math.random());
      }
    }
  }

  /** Gives the connection back. */
  async #asked<T>(client: pg.PoolClient, query: pg.QueryConfig): Promise<Answered<T>> {
    let broken: Error | undefined;
    // Without a listener a connection that breaks in use would end the process; its query is told of it as well.
    const onError = (error: Error) => {
      broken = error;
    };
    client.on("error", onError);
    try {
      const { rows, rowCount } = await client.query(query);
      return { rows: rows as T[], rowCount: rowCount ?? 0 };
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
