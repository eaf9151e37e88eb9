import type { ServiceBroker } from "moleculer";
import { actors } from "../actors.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { Settlement } from "../batch/batch.outcome.domain.ts";
import { logOf } from "../batches.ts";

interface Waiting {
  batch: BatchRow;
  action: string;
  until: number;
}

/** The batches that this worker handed back because their handler was not there. They go on as soon as it is. */
export class Snoozed {
  private readonly broker: ServiceBroker;
  private readonly waiting = new Map<string, Waiting>();
  /** How often actions were added to or removed from the cluster. */
  private changes = 0;

  constructor(broker: ServiceBroker) {
    this.broker = broker;
  }

  /** Writes the outcome of a run. Null: the batch's fence was raised before. Throws when the database is away. */
  async settle(batch: BatchRow, outcome: Settlement): Promise<BatchRow | null> {
    const { changes } = this;
    const left = await actors.batch.settle(this.broker, { batch, outcome });
    if (!left || outcome.outcome !== "snooze" || outcome.awaits === undefined) return left;
    this.remember({ batch: left, action: outcome.awaits, until: performance.now() + outcome.delayMs });
    // The handler may have come back in the meantime.
    if (changes !== this.changes) this.wake();
    return left;
  }

  private remember(one: Waiting): void {
    for (const [id, { until }] of this.waiting) if (until <= performance.now()) this.waiting.delete(id);
    this.waiting.set(one.batch.publicId, one);
  }

  /** Actions were added or removed: batches whose handler is back become due now. */
  servicesChanged(): void {
    this.changes++;
    this.wake();
  }

  private wake(): void {
    for (const { batch, action } of this.waiting.values()) {
      if (this.broker.findNextActionEndpoint(action) instanceof Error) continue;
      this.waiting.delete(batch.publicId);
      actors.batch
        .endSnooze(this.broker, { batch })
        .catch((error: unknown) =>
          logOf(this.broker.logger, batch).debug("The wait of the batch could not be ended early:", error),
        );
    }
  }
}
