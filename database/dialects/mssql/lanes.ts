/** Connections that are held one by one: each is a pool of one, so that what is staged is found by the batch that follows. */
import mssql from "mssql";
import type { Logger } from "../../database.ts";
import { codeOf, unavailable } from "./failure.ts";

/** As many as with PostgreSQL, of all that a server takes from all nodes. */
const LANES = 8;
/** Whoever finds them all taken waits no longer than a unit may last. */
const PATIENCE_MS = 10_000;

type Lane = mssql.ConnectionPool;

export class Lanes {
  readonly #all: Lane[];
  readonly #free: Lane[];
  readonly #waiting: ((lane: Lane) => void)[] = [];

  constructor(config: mssql.config, logger?: Logger) {
    this.#all = Array.from({ length: LANES }, () => new mssql.ConnectionPool(structuredClone(config)));
    this.#free = [...this.#all];
    // A connection that breaks while nobody uses it would end the process otherwise; the pool makes a new one.
    for (const lane of this.#all)
      lane.on("error", (error) => logger?.warn(`A connection to the database broke (${codeOf(error)}).`));
  }

  /** Runs `work` on a lane of its own. A connection that broke is replaced before the next one comes. */
  async use<T>(work: (lane: Lane) => Promise<T>): Promise<T> {
    const lane = await this.#taken();
    try {
      if (!lane.connected) await connected(lane);
      return await work(lane);
    } finally {
      this.#give(lane);
    }
  }

  /** The one that was used last: it is the most likely to be open. */
  async #taken(): Promise<Lane> {
    const lane = this.#free.pop();
    if (lane) return lane;
    const { promise, resolve, reject } = Promise.withResolvers<Lane>();
    const timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(resolve), 1);
      reject(unavailable(new Error("All connections are taken.")));
    }, PATIENCE_MS);
    this.#waiting.push(resolve);
    return promise.finally(() => clearTimeout(timer));
  }

  #give(lane: Lane): void {
    const next = this.#waiting.shift();
    if (next) next(lane);
    else this.#free.push(lane);
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((lane) => lane.close()));
  }
}

async function connected(lane: Lane): Promise<void> {
  try {
    await lane.connect();
  } catch (error) {
    throw unavailable(error);
  }
}
