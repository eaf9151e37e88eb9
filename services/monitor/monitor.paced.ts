import { setTimeout as delay } from "node:timers/promises";

/**
 * Makes a costly answer at most once in `everyMs`, however many callers there are. A caller in between waits for the next
 * answer, so nobody gets an answer that is older than the question.
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
    // The answer is being made: later callers need the next one.
    this.next = null;
    this.madeAt = performance.now();
    return this.make();
  }
}
