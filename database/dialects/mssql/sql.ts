/**
 * Runs batches of T-SQL on lanes of one connection each. A unit is ONE batch, so no row stays locked during a round
 * trip.
 */
import { randomInt } from "node:crypto";
import { LRUCache } from "lru-cache";
import type mssql from "mssql";
import type { Target } from "../../dialect.ts";
import { MismatchedAnswer } from "../../errors.ts";
import type { Names } from "../../schema/names.ts";
import { withRetries } from "../retry.ts";
import { errorOf, isCut, isLost, isTransient, unavailable } from "./failure.ts";
import { Lanes } from "./lanes.ts";
import { load, type Staged, tableText, withFew } from "./staging.ts";
import { type Together, togetherOn } from "./together.ts";
import { configOf, REQUEST_TIMEOUT_MS } from "./url.ts";
import { int, type Value } from "./values.ts";

export type { Staged } from "./staging.ts";
export { big, bool, bytes, float, hash, int, key, kinds, name, text, uuid, type Value } from "./values.ts";

/**
 * The time by the database's clock, in epoch ms. It advances within a batch, so a batch that needs one time declares
 * `@now`.
 */
export const NOW = "DATEDIFF_BIG(millisecond, '1970-01-01', SYSUTCDATETIME())";

/**
 * How long a statement waits for a lock. Units hold locks for milliseconds, so a longer wait means that the lock's
 * holder hangs.
 */
export const LOCK_TIMEOUT_MS = 5_000;
/**
 * How many texts are cached with the names of the tables filled in. An upload has another text for each number of
 * chunks.
 */
const MOST_TEXTS = 1_000;

/**
 * Options at the start of each batch. They must be in each batch, because options set inside sp_executesql end with it.
 * XACT_ABORT makes an error undo the whole transaction.
 */
export const SETTINGS = `SET NOCOUNT ON; SET XACT_ABORT ON; SET LOCK_TIMEOUT ${LOCK_TIMEOUT_MS};`;
/** The start of each batch. The number `@asked` comes back with the answer, so that a wrong answer is noticed. */
const PREAMBLE = `${SETTINGS}
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

  /** Runs a batch, and answers the rows of the last result set. */
  async all<T>(text: string, values: Values = {}): Promise<T[]> {
    return ((await this.sets(text, values)).at(-1) ?? []) as T[];
  }

  async get<T>(text: string, values: Values = {}): Promise<T | undefined> {
    return (await this.all<T>(text, values))[0];
  }

  /** Runs a batch, and answers all result sets that have columns, in order. */
  sets(text: string, values: Values = {}): Promise<unknown[][]> {
    return this.#tried(
      async () => (await this.#lanes.use((lane) => query(lane, this.#texts.memo(text), values))) as unknown[][],
    );
  }

  /** Loads `tables` in bulk, then runs the batch on the same connection. Few rows are sent within the batch instead. */
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

  /** Runs several batches on one connection. Nothing is tried again, and the errors are the driver's own. */
  together<T>(work: (unit: Together) => Promise<T>): Promise<T> {
    return this.#lanes.use((lane) => work(togetherOn(lane, (text) => this.#texts.memo(text))));
  }

  #tried<T>(unit: () => Promise<T>): Promise<T> {
    return withRetries(unit, {
      isTransient: (error) => !isCut(error) && (isTransient(error) || isLost(error)),
      told: (error) => (isCut(error) ? unavailable(error, true) : errorOf(error)),
      mostMs: REQUEST_TIMEOUT_MS,
    });
  }

  async close(): Promise<void> {
    await this.#lanes.close();
  }
}

/** Sends a batch. Throws MismatchedAnswer if the answer belongs to another query, even to one of another process. */
async function query(lane: mssql.ConnectionPool, text: string, values: Values): Promise<Row[][]> {
  const request = lane.request();
  const asked = randomInt(MOST_QUESTIONS);
  for (const [name, { type, value }] of Object.entries({ ...values, asked: int(asked) }))
    request.input(name, type, value);
  const [told, ...sets] = (await request.query(PREAMBLE + text)).recordsets as Row[][];
  if (told?.[0]?.asked !== asked) throw new MismatchedAnswer();
  return sets;
}
