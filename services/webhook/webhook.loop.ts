import { Flight } from "../../lib/batching/flight.ts";

/** The parts and limits of a delivery loop. */
export interface LoopParts<D extends { clientId: number }> {
  slots: number;
  /** The most deliveries of one client at once, so that a slow receiver does not take all slots. */
  slotsOfClient: number;
  /** Takes up to `limit` due deliveries, at most one of each client, none of `busy` clients. */
  take(limit: number, busy: number[]): Promise<D[]>;
  /** Sends one delivery. Never rejects. */
  run(delivery: D): Promise<void>;
  failed(error: unknown): void;
}

/**
 * Sends deliveries, as many at once as allowed. However often it is woken, only one take runs at a time. Each delivery
 * that ends wakes it again.
 */
export class DeliveryLoop<D extends { clientId: number }> {
  private readonly parts: LoopParts<D>;
  private readonly runs = new Set<Promise<void>>();
  private readonly ofClient = new Map<number, number>();
  private readonly flight: Flight;

  constructor(parts: LoopParts<D>) {
    this.parts = parts;
    this.flight = new Flight({ some: () => this.takeSome(), failed: (error) => parts.failed(error) });
  }

  /** Resolves when nothing is left to take, or no slot is free. */
  wake(): Promise<void> {
    return this.flight.wake();
  }

  private async takeSome(): Promise<boolean> {
    const free = this.parts.slots - this.runs.size;
    if (this.flight.isEnded || free <= 0) return false;
    const busy = [...this.ofClient].filter(([, running]) => running >= this.parts.slotsOfClient).map(([id]) => id);
    const taken = await this.parts.take(free, busy);
    for (const delivery of taken) this.start(delivery);
    return taken.length > 0;
  }

  private start(delivery: D): void {
    const { clientId } = delivery;
    this.ofClient.set(clientId, (this.ofClient.get(clientId) ?? 0) + 1);
    const run: Promise<void> = this.parts.run(delivery).finally(() => {
      this.runs.delete(run);
      this.leave(clientId);
      if (!this.flight.isEnded) this.wake();
    });
    this.runs.add(run);
  }

  private leave(clientId: number): void {
    const left = (this.ofClient.get(clientId) ?? 1) - 1;
    if (left > 0) this.ofClient.set(clientId, left);
    else this.ofClient.delete(clientId);
  }

  /** Takes no more deliveries, and waits for the running ones. */
  async end(): Promise<void> {
    await this.flight.end();
    await Promise.all(this.runs);
  }
}
