import { setTimeout as delay } from "node:timers/promises";

/**
 * Makes a costly answer at most once in `everyMs`, however many ask. A caller in between
 * waits for the next one, so nobody gets an answer that is older than the question.
 */
export class Paced<T> {
  private readonly make: () => Promise<T>;
  private readonly everyMs: number;
  private madeAt = -Infinity;
  private next: Promise<T> | null = null;

  constructor(everyMs: number, make: () => Promise<T>) {
    this.everyMs = everyMs;
    this.make = make;
  }

  get(): Promise<T> {
    this.next ??= this.inTurn();
    return this.next;
  }

  private async inTurn(): Promise<T> {
    const waitMs = this.madeAt + this.everyMs - performance.now();
    await (waitMs > 0 ? delay(waitMs) : null);
    // From here on it shows a state that others, who ask later, may not get.
    this.next = null;
    this.madeAt = performance.now();
    return this.make();
  }
}
