/** Batches that may still carry a worker's name though nothing there works at them. */
import type { ServiceBroker } from "moleculer";
import { isProblem } from "../errors.ts";
import { call } from "../messages.ts";

function unlessNotFound(error: unknown): null {
  if (isProblem(error, "not-found")) return null;
  throw error;
}

/** Leases are extended by owner: as long as a worker works at others, its own would keep these for ever from whoever can. */
export class Adrift {
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

  /** Hands back those that are ours by name, but for what `isRunning` here after all. Throws when the database is away. */
  async handBack(isRunning: (batchId: string) => boolean): Promise<void> {
    for (const publicId of this.ids) {
      const batch = await call(this.broker, "batch.get", { publicId }).catch(unlessNotFound);
      if (batch?.state === "processing" && batch.owner === this.owner && !isRunning(publicId))
        await call(this.broker, "batch.giveUp", { batch, how: { outcome: "handBack", delayMs: 0 } });
      this.ids.delete(publicId);
    }
  }
}
