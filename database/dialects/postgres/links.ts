/**
 * Tracks all connections of one open database, those of Sequelize's models included. Usually a silent connection counts
 * as broken after QUERY_TIMEOUT_MS. A stopping node has less time. After `limitWaits(ms)`, once the server has been
 * silent for `ms` while a connection waits, every waiting connection is destroyed, and so is each connection that waits
 * later.
 */
import type { Socket } from "node:net";
import pg from "pg";

/**
 * The parsers of DataFlow's connections: BIGINT becomes a number, because ids and times are below 2^53. pg's global
 * parsers stay as they are, because a handler in the same process may use pg too.
 */
const { INT8 } = pg.types.builtins;

export const types: typeof pg.types = {
  ...pg.types,
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    oid === INT8 && format !== "binary"
      ? Number
      : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

const LOOK_MS = 100;
/** How long `end` waits until the server closes the connection. A server that does not answer never closes it. */
const END_MS = 1_000;

export class Links {
  /** The class that pools must use for their connections. */
  readonly Client: typeof pg.Client;
  readonly #open = new Set<pg.Client>();
  readonly #distrusted = new WeakSet<object>();
  #looks: NodeJS.Timeout | null = null;
  #deadline = Number.POSITIVE_INFINITY;

  constructor() {
    const open = this.#open;
    this.Client = class extends pg.Client {
      constructor(config?: string | pg.ClientConfig) {
        super(config);
        open.add(this);
        this.once("end", () => open.delete(this));
      }

      // biome-ignore lint/suspicious/noExplicitAny: pg's own has two shapes.
      override end(...args: any[]): any {
        // The timer is needed because no event comes after a second call of `end`. `unref` lets the process end before
        // the timer.
        const timer = setTimeout(() => breakOff(this), END_MS).unref();
        this.once("end", () => clearTimeout(timer));
        return (super.end as (...all: unknown[]) => unknown)(...args);
      }
    };
  }

  /** Trusts no connection that is open now. Call it when a connection gave the answer to another query. */
  distrust(): void {
    for (const client of this.#open) this.#distrusted.add(client);
  }

  isTrusted(client: object): boolean {
    return !this.#distrusted.has(client);
  }

  /** The time until which lost answers may be resolved, by the monotonic clock. */
  get deadline(): number {
    return this.#deadline;
  }

  limitWaits(ms: number): void {
    if (this.#looks) return;
    this.#deadline = performance.now() + ms;
    let since = new Map<pg.Client, number>();
    let [heard, heardAt, isGivenUp] = [0, 0, false];
    this.#looks = setInterval(() => {
      const now = performance.now();
      const open = [...this.#open];
      const bytes = open.reduce((sum, client) => sum + bytesFrom(client), 0);
      // The map is built again from the open connections each time, so that a connection that closed while it waited is
      // dropped.
      since = new Map(open.filter(isWaiting).map((client) => [client, since.get(client) ?? now]));
      // A server that sends bytes on any connection is alive. Then a waiting connection waits for a lock.
      if (bytes > heard) heardAt = now;
      heard = bytes;
      isGivenUp ||= now - heardAt > ms && [...since.values()].some((waits) => now - waits > ms);
      if (isGivenUp) for (const client of since.keys()) breakOff(client);
    }, LOOK_MS);
  }

  closed(): void {
    if (this.#looks) clearInterval(this.#looks);
  }
}

declare module "pg" {
  interface Client {
    readyForQuery: boolean | null;
    /** The id of the server's process, which the server sends when the connection opens. */
    processID: number;
  }
}

/** Whether the connection waits for the answer to a statement, or for the end of its login. */
const isWaiting = (client: pg.Client): boolean => !client.readyForQuery;

/**
 * How many bytes the connection has received. Its stream is a socket, also with TLS, but pg's types call it a stream.
 */
const bytesFrom = (client: pg.Client): number => (client.connection.stream as Socket).bytesRead;

const breakOff = (client: pg.Client): void => void client.connection.stream.destroy();
