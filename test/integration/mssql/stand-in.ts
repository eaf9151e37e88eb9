/** Plays SQL Server's connection on PostgreSQL: runs batches of T-SQL, loads rows, and retries as `Sql` does. */

import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { errorOf, isTransient } from "../../../database/dialects/mssql/failure.ts";
import type { Sql, Staged, Values } from "../../../database/dialects/mssql/sql.ts";
import { withFew } from "../../../database/dialects/mssql/staging.ts";
import type { Together } from "../../../database/dialects/mssql/together.ts";
import { types } from "../../../database/dialects/postgres/links.ts";
import { withText } from "./error-numbers.ts";
import { type Row, Session } from "./session.ts";
import { load } from "./staged.ts";
import { togetherOn } from "./together.ts";

const MOST_TRIES = 6;

/**
 * Does what `Sql` does, on a schema of PostgreSQL. A few rows go both ways in turns: with their batch, and by the bulk load for
 * many rows.
 */
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
        const shown = withText(error);
        if (!isTransient(shown) || tries === MOST_TRIES) throw errorOf(shown);
        await pause(2 ** tries * 5 * Math.random());
      }
    }
  }

  async together<T>(work: (unit: Together) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    const session = new Session(client, {});
    try {
      return await work(togetherOn(client, session));
    } finally {
      await session.end();
      client.release();
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
