/** Watches the database's clock: whether it may be trusted for deleting by age and for lapsed leases. */
import os from "node:os";
import type { ServiceBroker } from "moleculer";
import { Clock } from "../database/clock.doubt.ts";
import { StoredDoubt } from "../database/clock.stored.ts";
import type { Database } from "../database/database.ts";
import type { WithDatabase } from "./database.ts";
import { define, fields } from "./define.ts";

/** What a service finds on `this` with this mixin. It needs the database mixin too. */
export interface WithClock {
  clock: WatchedClock;
}

/** One watch for each node, so that a jump of the clock is noticed and logged once. */
const watched = new WeakMap<ServiceBroker, WatchedClock>();

class WatchedClock {
  private readonly clock: Clock;
  private readonly database: () => Database;
  private readonly kept: StoredDoubt;
  private looking: Promise<void> | null = null;
  private isOver = false;

  constructor(warn: (text: string) => void, database: () => Database) {
    this.clock = new Clock(warn);
    this.database = database;
    this.kept = new StoredDoubt(() => database().models);
  }

  /** Whether the clock could be trusted at the last look. */
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

  /** Whether deleting by age is allowed now. */
  async mayDelete(): Promise<boolean> {
    await this.look();
    return this.clock.isTrusted;
  }

  /** Whether the clock jumped ahead in the last `ms`, or the machine slept. */
  wentIn(ms: number): boolean {
    return this.clock.wentIn(ms);
  }

  /** Called at a planned stop. It ends a doubt, because an operator who restarts the node confirms that the clock is right. */
  async end(): Promise<void> {
    this.isOver = true;
    await this.looking?.catch(() => {});
    if (this.clock.hasBegun && this.database().isEmbedded) await this.kept.write(null);
  }

  private async lookOnce(): Promise<void> {
    const database = this.database();
    await this.compare(database);
    // Nodes on a database server do not store the clock: each compares the server's clock with its own at the start.
    if (database.isEmbedded && !this.isOver) await this.kept.write(this.clock.doubt);
  }

  private async compare(database: Database): Promise<void> {
    const clockMs = await database.now();
    // The machine's uptime goes on while a laptop sleeps, `performance.now()` does not on Linux.
    const look = { clockMs, countMs: os.uptime() * 1000, awakeMs: performance.now() };
    if (this.clock.hasBegun) this.clock.look(look);
    // An embedded database uses this machine's clock, so there is nothing to compare it with.
    else if (!database.isEmbedded) this.clock.begin(look, { otherMs: Date.now() });
    else await this.begin(database, look);
  }

  private async begin(database: Database, look: Parameters<Clock["look"]>[0]): Promise<void> {
    const doubt = await this.kept.read();
    const [newest] = await database.store.list({ limit: 1 });
    if (doubt) this.clock.resume(look, doubt);
    else this.clock.begin(look, { storedMs: newest ? lastOf(newest) : null });
  }
}

/** The time of the last write to a batch. */
const lastOf = ({
  createdAt,
  readyAt,
  startedAt,
  finishedAt,
}: Awaited<ReturnType<Database["store"]["list"]>>[number]): number =>
  Math.max(createdAt, readyAt ?? 0, startedAt ?? 0, finishedAt ?? 0);

/** Gives a service `this.clock`: the same one for all services of the node. */
export const clockMixin = define({
  needs: fields<WithDatabase>(),
  state: fields<WithClock>(),
  created() {
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
