/** Turns of the loop, of a µs each where nothing else is to do: an answer from Redis on the same machine takes 30 to 50. */
const MOST_TURNS = 50;
/** Of a server that is never so near, one wait in so many is tried: 1 µs each, on average. */
const MOST_LEFT_OUT = 63;

/**
 * Keeps the loop turning for a moment while an answer is expected, instead of letting it sleep at once: to fall asleep and
 * be woken takes a virtual machine 25 µs, half of what a question to a Redis beside it takes. A turn in which there is
 * other work does that work, and lasts as long. Where the answers come later than MOST_TURNS it is tried ever more seldom.
 */
export class Awake {
  private readonly isExpecting: () => boolean;
  private turns = 0;
  private leftOut = 0;
  private leaveOut = 0;

  constructor(isExpecting: () => boolean) {
    this.isExpecting = isExpecting;
  }

  /** An answer is expected now, and none was before. */
  begin(): void {
    if (this.turns > 0) this.came(MOST_TURNS);
    else if (this.leaveOut > 0) this.leaveOut--;
    else {
      this.turns = MOST_TURNS;
      setImmediate(this.turn);
    }
  }

  private readonly turn = (): void => {
    if (!this.isExpecting()) this.came(0);
    else if (--this.turns > 0) setImmediate(this.turn);
    else {
      this.leftOut = Math.min(2 * this.leftOut + 1, MOST_LEFT_OUT);
      this.leaveOut = this.leftOut;
    }
  };

  /** What was expected has come in time. */
  private came(turns: number): void {
    this.turns = turns;
    this.leftOut = 0;
  }
}
