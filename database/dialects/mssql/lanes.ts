/** Connections that are held one by one: each is a pool of one, so that what is staged is found by the batch that follows. */
import mssql from "mssql";
import { unavailable } from "./failure.ts";
import { forgetRefusal, sendAtOnce, watched, withRefusal } from "./links.ts";

/** Whoever finds them all taken waits no longer than a unit may last. */
const PATIENCE_MS = 10_000;

export type Lane = mssql.ConnectionPool;

export class Lanes {
  readonly #all: Lane[];
  readonly #free: Lane[];
  readonly #waiting: ((lane: Lane) => void)[] = [];
  #isClosed = false;

  constructor(config: mssql.config, lanes: number) {
    this.#all = Array.from({ length: lanes }, () => laneOf(config));
    this.#free = [...this.#all];
    // A connection that breaks while nobody uses it would end the process otherwise; whoever uses one is told.
    for (const lane of this.#all) lane.on("error", () => {});
  }

  /** Runs `work` on a lane of its own. A connection is not used again after an error. */
  async use<T>(work: (lane: Lane) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw unavailable(new Error("It is closed."));
    const lane = await this.#taken();
    try {
      if (!lane.connected) await connected(lane);
      return await work(lane);
    } catch (error) {
      current.get(lane)?.close();
      throw error;
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

  /** Those who wait come first, and whoever is at work finishes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#all.map(() => this.#taken()));
    await Promise.allSettled(this.#all.map((lane) => lane.close()));
  }
}

/**
 * A lane's connection, which is closed after each error: a transaction that the server left open ends with it, and so does the
 * rest of an answer that the driver has not read, which it would take for the answer to the next question.
 */
const current = new WeakMap<Lane, mssql.Connection>();

function laneOf(config: mssql.config): Lane {
  const lane: Lane = new mssql.ConnectionPool({
    ...structuredClone(config),
    beforeConnect: (connection: mssql.Connection) => {
      current.set(lane, connection);
      watched(connection, lane);
      connection.once("connect", () => sendAtOnce(connection));
    },
  });
  return lane;
}

async function connected(lane: Lane): Promise<void> {
  forgetRefusal(lane);
  try {
    await lane.connect();
  } catch (error) {
    throw unavailable(withRefusal(error, lane));
  }
}
