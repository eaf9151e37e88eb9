/** Lanes of one connection each, and every unit as ONE batch of T-SQL: no row is locked while a client thinks. */
import { randomInt } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import type mssql from "mssql";
import type { Target } from "../../dialect.ts";
import { BrokenLink } from "../../errors.ts";
import type { Names } from "../../schema/names.ts";
import { errorOf, isCut, isLost, isPassing, unavailable } from "./failure.ts";
import { Lanes } from "./lanes.ts";
import { load, type Staged, tableText, withFew } from "./staging.ts";
import { configOf, REQUEST_TIMEOUT_MS } from "./url.ts";
import { int, type Value } from "./values.ts";

export type { Staged } from "./staging.ts";
export { big, bool, bytes, float, hash, int, key, kinds, name, text, uuid, type Value } from "./values.ts";

/** The clock of the database, epoch ms. It moves within a batch: one that needs one time declares `@now`. */
export const NOW = "DATEDIFF_BIG(millisecond, '1970-01-01', SYSUTCDATETIME())";

/** A row that is locked for longer belongs to somebody who is stuck. */
const LOCK_TIMEOUT_MS = 5_000;
const MOST_TRIES = 6;
/** Texts whose tables' names are known. There are few, but one for each number of chunks that an upload brings. */
const MOST_TEXTS = 1_000;

/**
 * In front of each batch: options that are set inside sp_executesql end with it. An error undoes the whole transaction. The
 * number of the question comes back with its answer.
 */
const PREAMBLE = `SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT ${LOCK_TIMEOUT_MS};
SELECT @asked AS "asked";
`;
const MOST_QUESTIONS = 2 ** 31;

export type Values = Record<string, Value>;
type Row = Record<string, unknown>;

export class Sql {
  readonly #lanes: Lanes;
  readonly #texts: LRUCache<string, string>;

  constructor({ url, connections }: Target, names: Names) {
    this.#lanes = new Lanes(configOf(url), connections);
    this.#texts = new LRUCache({ max: MOST_TEXTS, memoMethod: (text) => names.in(text) });
  }

  /** The rows of the last result set. */
  async all<T>(text: string, values: Values = {}): Promise<T[]> {
    return ((await this.sets(text, values)).at(-1) ?? []) as T[];
  }

  async get<T>(text: string, values: Values = {}): Promise<T | undefined> {
    return (await this.all<T>(text, values))[0];
  }

  /** All result sets that have columns, in their order. */
  sets(text: string, values: Values = {}): Promise<unknown[][]> {
    return this.#tried(
      async () => (await this.#lanes.use((lane) => query(lane, this.#texts.memo(text), values))) as unknown[][],
    );
  }

  /** Loads `tables` in bulk, then runs the batch on the same connection. A few rows come with the batch. */
  async staged<T>(tables: Staged[], text: string, values: Values = {}): Promise<T[]> {
    const few = withFew(tables, text, values);
    if (few) return this.all<T>(few.text, few.values);
    const full = tables.filter((table) => table.rows.length > 0);
    const sets = await this.#tried(() =>
      this.#lanes.use(async (lane) => {
        await lane.request().batch(tableText(tables));
        for (const table of full) await load(lane, table);
        return query(lane, this.#texts.memo(text), values);
      }),
    );
    return (sets.at(-1) ?? []) as T[];
  }

  /** What passes by itself (deadlock, snapshot conflict) is tried again, with jitter: each batch is done as a whole or not at all. */
  async #tried<T>(unit: () => Promise<T>): Promise<T> {
    const beganAt = performance.now();
    for (let tries = 1; ; tries++) {
      try {
        return await unit();
      } catch (error) {
        const isLate = performance.now() - beganAt > REQUEST_TIMEOUT_MS;
        if (isCut(error)) throw unavailable(error, true);
        if (!(isPassing(error) || isLost(error)) || tries === MOST_TRIES || isLate) throw errorOf(error);
        await pause(2 ** tries * 5 * Math.random());
      }
    }
  }

  async close(): Promise<void> {
    await this.#lanes.close();
  }
}

/** Throws BrokenLink for the answer to another question, also one that another process asked. */
async function query(lane: mssql.ConnectionPool, text: string, values: Values): Promise<Row[][]> {
  const request = lane.request();
  const asked = randomInt(MOST_QUESTIONS);
  for (const [name, { type, value }] of Object.entries({ ...values, asked: int(asked) }))
    request.input(name, type, value);
  const [told, ...sets] = (await request.query(PREAMBLE + text)).recordsets as unknown as Row[][];
  if (told?.[0]?.asked !== asked) throw new BrokenLink();
  return sets;
}
