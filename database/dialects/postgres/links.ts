/**
 * The connections of one opened PostgreSQL, its models' too. While the node works a silent one is believed for as long as
 * a statement may take; a node that stops has less time. So from `hurry` on a server that is silent for longer while somebody waits
 * is given up: every connection that waits is broken off, and so is each that comes later.
 */
import pg from "pg";

const LOOK_MS = 100;
/** A goodbye that a silent server does not answer. */
const END_MS = 1_000;

export class Links {
  /** What pools are to make their connections of. */
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
        // Where the goodbye was said before, no end comes; the timer keeps no process then.
        const timer = setTimeout(() => breakOff(this), END_MS).unref();
        this.once("end", () => clearTimeout(timer));
        return (super.end as (...all: unknown[]) => unknown)(...args);
      }
    };
  }

  /** One of them answered another question than it was asked: none that is open now is used again. */
  distrust(): void {
    for (const client of this.#open) this.#distrusted.add(client);
  }

  isTrusted(client: object): boolean {
    return !this.#distrusted.has(client);
  }

  /** Until when what was lost may be looked for, on the monotonic clock. */
  get deadline(): number {
    return this.#deadline;
  }

  hurry(ms: number): void {
    if (this.#looks) return;
    this.#deadline = performance.now() + ms;
    let since = new Map<pg.Client, number>();
    let [heard, heardAt, isGivenUp] = [0, 0, false];
    this.#looks = setInterval(() => {
      const now = performance.now();
      const open = [...this.#open];
      const bytes = open.reduce((sum, client) => sum + bytesFrom(client), 0);
      // Made anew: one that was closed while it waited, waits no more.
      since = new Map(open.filter(isWaiting).map((client) => [client, since.get(client) ?? now]));
      // One that answers others is there: whoever waits, waits for a lock.
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

interface Internals {
  readyForQuery: boolean | null;
  connection: { stream: { bytesRead: number; destroy(): void } };
}

const internals = (client: pg.Client) => client as unknown as Internals;

/** For the end of a statement, or of its greeting. */
const isWaiting = (client: pg.Client): boolean => !internals(client).readyForQuery;

const bytesFrom = (client: pg.Client): number => internals(client).connection.stream.bytesRead;

const breakOff = (client: pg.Client): void => internals(client).connection.stream.destroy();
