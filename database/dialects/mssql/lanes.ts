/**
 * Lanes: connection pools of one connection each. A batch must run on the very connection whose temporary tables hold
 * its rows.
 */
import type { Socket } from "node:net";
import mssql from "mssql";
import { unavailable } from "./failure.ts";

/**
 * Turns Nagle's algorithm off, so that each packet is sent at once. With it, a request of more than one packet (4 kB)
 * would take 40 ms longer: the kernel holds the last packet until the server has acknowledged the first, and the server
 * delays its acknowledgement.
 */
export const sendAtOnce = (connection: object): void =>
  void (connection as { socket?: Socket }).socket?.setNoDelay(true);

const firsts = new WeakMap<object, number>();
/**
 * Error numbers for a database that cannot be opened. "Login failed" (18456) comes with them, just as with a wrong
 * password.
 */
const NOT_OPEN = new Set([4060, 4064]);

/**
 * Remembers the number of the first error with which the server refuses a login of `owner`, because later errors follow
 * from the first. The driver itself keeps only the text of the last error, in the server's language.
 */
export function watched(connection: mssql.Connection, owner: object = connection): void {
  connection.on("errorMessage", ({ number }: { number: number }) => {
    if (!firsts.has(owner) || NOT_OPEN.has(number)) firsts.set(owner, number);
  });
}

export const forgetRefusal = (owner: object): void => void firsts.delete(owner);

/** Adds the number of the server's first error to the error of a connection that could not be opened. */
export const withRefusal = (error: unknown, owner: object): unknown =>
  firsts.has(owner) ? Object.assign(error as Error, { number: firsts.get(owner) }) : error;

/** How long a unit waits for a free connection: as long as a unit may run. */
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
    // An idle connection that breaks would end the process if nobody listened. A unit that uses the connection fails
    // anyway.
    for (const lane of this.#all) lane.on("error", () => {});
  }

  /** Runs `work` on a lane that nobody else uses meanwhile. After an error the lane's connection is closed. */
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

  /** Takes the free lane that was used last, because its connection is most likely open. Otherwise waits for one. */
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

  /** Waits for the units that run or wait, then closes all connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#all.map(() => this.#taken()));
    await Promise.allSettled(this.#all.map((lane) => lane.close()));
  }
}

/**
 * The open connection of each lane. A connection is closed after every error. That ends a transaction that the server
 * left open, and drops the unread rest of an answer, which the driver would take for the answer to the next query.
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
