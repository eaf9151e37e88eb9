/** Shares the event loop among clients that upload: many bodies of one client do not delay those of others. */

/** How long uploads may read in one round of the event loop, before requests, answers and timers. A small request takes about ten rounds. */
const ROUND_MS = 2;

export class Turns {
  /** Waiting uploads by client. The first client is the next. */
  private readonly waiting = new Map<number, (() => void)[]>();
  private spentMs = 0;
  private isRoundOver = true;

  /** Runs `work` when it is the client's turn. `work` must take only a few ms. */
  async run<T>(clientId: number, work: () => T): Promise<T> {
    if (this.waiting.size > 0 || this.spentMs >= ROUND_MS) await this.turnOf(clientId);
    const beganAt = performance.now();
    try {
      return work();
    } finally {
      this.spend(performance.now() - beganAt);
    }
  }

  private turnOf(clientId: number): Promise<void> {
    return new Promise((resolve) => {
      const queue = this.waiting.get(clientId);
      if (queue) queue.push(resolve);
      else this.waiting.set(clientId, [resolve]);
    });
  }

  private spend(ms: number): void {
    this.spentMs += ms;
    if (this.isRoundOver) setImmediate(() => this.nextRound());
    this.isRoundOver = false;
    if (this.spentMs < ROUND_MS) this.next();
  }

  private nextRound(): void {
    this.spentMs = 0;
    this.isRoundOver = true;
    this.next();
  }

  /** Lets the first waiting upload of the next client continue. */
  private next(): void {
    const [clientId, queue = []] = this.waiting.entries().next().value ?? [];
    if (clientId === undefined) return;
    this.waiting.delete(clientId);
    queue.shift()?.();
    if (queue.length > 0) this.waiting.set(clientId, queue);
  }
}
