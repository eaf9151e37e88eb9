/**
 * All connections of one open database, those of the models included. In normal work a silent connection counts as broken after
 * QUERY_TIMEOUT_MS. A stopping node has less time. So after `limitWaits(ms)`, if the server is silent for `ms` while a connection
 * waits, every waiting connection is destroyed, and so is each one that waits later.
 */
import type { Socket } from "node:net";
import pg from "pg";

/**
 * The parsers of our connections: BIGINT becomes a number, because ids and times are below 2^53. pg's global parsers stay as they
 * are, because a handler in the same process may use pg too.
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
/** How long `end` waits for the server to close the connection. A silent server never does. */
const END_MS = 1_000;

export class Links {
  /** The class of which pools must make their connections. */
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
        // After a second call of `end` no event comes. `unref`, so that the timer does not keep the process alive.
        const timer = setTimeout(() => breakOff(this), END_MS).unref();
        this.once("end", () => clearTimeout(timer));
        return (super.end as (...all: unknown[]) => unknown)(...args);
      }
    };
  }

  /** A connection gave the answer to another query. None of the open connections is used again. */
  distrust(): void {
    for (const client of this.#open) this.#distrusted.add(client);
  }

  isTrusted(client: object): boolean {
    return !this.#distrusted.has(client);
  }

  /** Until when lost answers may be resolved, in monotonic time. */
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
      // Built from the open connections each time, so that a connection that was closed while it waited is dropped.
      since = new Map(open.filter(isWaiting).map((client) => [client, since.get(client) ?? now]));
      // A server that sends bytes to any connection is alive. A connection that waits then waits for a lock.
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
    /** The id of the server's process, as it was told at the connect. */
    processID: number;
  }
}

/** Whether the connection waits for the answer to a statement, or to its connect. */
const isWaiting = (client: pg.Client): boolean => !client.readyForQuery;

/** The stream is a socket, also with TLS; pg's types call it a stream. */
const bytesFrom = (client: pg.Client): number => (client.connection.stream as Socket).bytesRead;

const breakOff = (client: pg.Client): void => void client.connection.stream.destroy();
