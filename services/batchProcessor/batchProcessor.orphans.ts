import type { ServiceBroker } from "moleculer";
import { isProblem } from "../../lib/errors.ts";
import { actors } from "../actors.ts";

function unlessNotFound(error: unknown): null {
  if (isProblem(error, "not-found")) return null;
  throw error;
}

/**
 * Batches this worker may hold without a run: the answer to a claim was lost, or a run broke
 * off. They are handed back as soon as the database answers, instead of waiting for their lease to expire.
 */
export class Orphans {
  private readonly ids = new Set<string>();
  private readonly broker: ServiceBroker;
  private readonly owner: string;

  constructor(broker: ServiceBroker, owner: string) {
    this.broker = broker;
    this.owner = owner;
  }

  add(batchId: string): void {
    this.ids.add(batchId);
  }

  /** Hands back the orphans that this worker holds and does not run. Throws when the database is away. */
  async handBack(isRunning: (batchId: string) => boolean): Promise<void> {
    for (const publicId of this.ids) {
      const batch = await actors.batch.get(this.broker, { publicId }).catch(unlessNotFound);
      if (batch?.state === "processing" && batch.owner === this.owner && !isRunning(publicId))
        await actors.batch.settle(this.broker, { batch, outcome: { outcome: "snooze", delayMs: 0 } });
      this.ids.delete(publicId);
    }
  }
}
