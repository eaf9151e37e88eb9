/** The database's clock, as this node watches it: whether it may be believed by whoever deletes, or takes leases for lapsed. */
import { uptime } from "node:os";
import type { Service, ServiceBroker } from "moleculer";
import type { Database } from "../database/database.ts";
import type { BatchRow } from "../database/store.ts";
import { Clock } from "./clock.doubt.ts";
import type { WithDatabase } from "./database.ts";
import { define } from "./define.ts";

/** What a service finds on `this` with this mixin, which it has beside the database's. */
export interface WithClock {
  clock: WatchedClock;
}

/** One a node: a jump is seen, and told of, once. */
const watched = new WeakMap<ServiceBroker, WatchedClock>();

class WatchedClock {
  private readonly clock: Clock;
  private readonly database: () => Database;
  private looking: Promise<void> | null = null;

  constructor(warn: (text: string) => void, database: () => Database) {
    this.clock = new Clock(warn);
    this.database = database;
  }

  /** As of the last look. */
  get isTrusted(): boolean {
    return this.clock.isTrusted;
  }

  /** Compares the database's clock with this node's own count of time. Two callers at once share one look. */
  look(): Promise<void> {
    this.looking ??= this.lookOnce().finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  /** Whether what is over its time may be deleted, as of now. */
  async mayDelete(): Promise<boolean> {
    await this.look();
    return this.clock.isTrusted;
  }

  /** Whether the clock went ahead in the last `ms`, or the machine slept. */
  wentIn(ms: number): boolean {
    return this.clock.wentIn(ms);
  }

  private async lookOnce(): Promise<void> {
    const database = this.database();
    const clockMs = await database.now();
    // The machine's uptime goes on while a laptop sleeps, `performance.now()` does not on Linux.
    const look = { clockMs, countMs: uptime() * 1000, awakeMs: performance.now() };
    if (this.clock.hasBegun) this.clock.look(look);
    // On one machine there is no other clock.
    else if (!database.isEmbedded) this.clock.begin(look, { otherMs: Date.now() });
    else {
      const [newest] = await database.store.list({ limit: 1 });
      this.clock.begin(look, { storedMs: newest ? lastOf(newest) : null });
    }
  }
}

/** When something was last written down of a batch. */
const lastOf = ({ createdAt, readyAt, startedAt, finishedAt }: BatchRow): number =>
  Math.max(createdAt, readyAt ?? 0, startedAt ?? 0, finishedAt ?? 0);

/** Gives a service `this.clock`: the same one for all services of the node. */
export const clockMixin = define<Service & WithDatabase & WithClock>({
  created(this: Service & WithDatabase & WithClock) {
    const known = watched.get(this.broker);
    this.clock =
      known ??
      new WatchedClock(
        (text) => this.logger.warn(text),
        () => this.database,
      );
    watched.set(this.broker, this.clock);
  },
});
