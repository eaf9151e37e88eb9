import type { ServiceBroker } from "moleculer";
import { actors } from "../actors.ts";
import type { ParamsOf } from "../messages.ts";

/** The key and token by which a claim's lock is released. */
export type Lock = ParamsOf<"batchLock.release">;

/** If the release fails, the lock expires by itself. */
export async function giveBack(broker: ServiceBroker, lock: Lock): Promise<void> {
  await actors.batchLock.release(broker, lock).catch(() => {});
}

export interface Keeping {
  everyMs: number;
  /** Called when the lock is lost. The run continues, because the fence alone decides who owns the batch. */
  lost(): Promise<void>;
}

/** Extends a lock, independently of the work, until it is released. */
export class KeptLock {
  private readonly broker: ServiceBroker;
  private readonly lock: Lock;
  private readonly timer: NodeJS.Timeout;
  private given: Promise<void> | null = null;

  constructor(broker: ServiceBroker, lock: Lock, { everyMs, lost }: Keeping) {
    this.broker = broker;
    this.lock = lock;
    this.timer = setInterval(async () => {
      const isHeld = await actors.batchLock.extend(broker, lock).catch(() => false);
      if (!isHeld) await lost();
    }, everyMs);
  }

  /** Releases the lock. A second call resolves at once. */
  giveBack(): Promise<void> {
    clearInterval(this.timer);
    this.given ??= giveBack(this.broker, this.lock);
    return this.given;
  }
}
