/** The database's clock, as this node watches it: the sweep and Retention ask whether it may be believed. */
import { uptime } from "node:os";
import { readWhenAsked } from "../../mixins/figures.ts";
import { Clock } from "./batch.clock.ts";
import type { BatchRow } from "./batch.contract.ts";
import type { BatchService } from "./batch.service.ts";

const retentionHeld = {
  name: "dataflow_retention_held",
  help: "Whether nothing is deleted by its age, because the database's clock is in doubt.",
  type: "gauge",
} as const;

export class WatchedClock {
  private readonly clock: Clock;
  private readonly service: BatchService;
  private looking: Promise<void> | null = null;

  constructor(service: BatchService) {
    this.service = service;
    this.clock = new Clock((text) => service.logger.warn(text));
    readWhenAsked(service.broker, retentionHeld, () => [{ value: this.clock.isTrusted ? 0 : 1 }]);
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
    const { database } = this.service;
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
