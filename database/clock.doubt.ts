/**
 * Whether the database's clock may be believed by whoever deletes what is over its time. A clock that goes ahead by itself (a
 * wrong time server, a machine that wakes up with a wrong date) would make everything old at once. So each node compares it
 * with its own count of time, which nobody can set.
 */
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** More than a clock is corrected by in one step, and less than anything is kept for. */
const MOST_AHEAD_MS = HOUR_MS;
/** A system on one machine may be idle, or off, for a night. Longer than that may as well be a wrong date. */
const MOST_IDLE_MS = DAY_MS;
/** So long a clock has to run evenly before it is believed after all: time for somebody to see the warning. */
const PROBATION_MS = DAY_MS;
const UNTIL = "until the clock is set back, or has run evenly for 24 hours";

interface Look {
  clockMs: number;
  /** The node's own count of time, which also counts while its machine sleeps. */
  countMs: number;
  /** The same without sleep, in which nobody renews a lease. */
  awakeMs: number;
}

/** A doubt as of the last look, for who goes on with it. */
export interface Doubt {
  clockMs: number;
  countMs: number;
  /** How far the clock is ahead. */
  aheadMs: number;
  /** For how long it has run evenly since. */
  evenMs: number;
}

export class Clock {
  private last: Look | null = null;
  private held: { sinceMs: number; aheadMs: number } | null = null;
  private wentAtMs = Number.NEGATIVE_INFINITY;
  private readonly warn: (text: string) => void;

  constructor(warn: (text: string) => void) {
    this.warn = warn;
  }

  /** What is over its time by this clock may be deleted. */
  get isTrusted(): boolean {
    return this.held === null;
  }

  get doubt(): Doubt | null {
    const { last, held } = this;
    if (!last || !held) return null;
    const { clockMs, countMs } = last;
    return { clockMs, countMs, aheadMs: held.aheadMs, evenMs: countMs - held.sinceMs };
  }

  get hasBegun(): boolean {
    return this.last !== null;
  }

  /** Whether it went ahead in the last `ms`, or the machine slept: leases are over by it that nobody could renew meanwhile. */
  wentIn(ms: number): boolean {
    return this.last !== null && this.last.awakeMs - this.wentAtMs < ms;
  }

  /**
   * The first look, which is compared with what else is known of the time: another machine's clock, or when a batch was last
   * stored; null: none was ever.
   */
  begin(look: Look, known: { otherMs: number } | { storedMs: number | null }): void {
    this.last = look;
    if ("otherMs" in known) {
      const aheadMs = look.clockMs - known.otherMs;
      if (aheadMs > MOST_AHEAD_MS) this.hold(look, aheadMs, `is ${lengthOf(aheadMs)} ahead of this node's`);
      return;
    }
    const idleMs = look.clockMs - (known.storedMs ?? look.clockMs);
    if (idleMs > MOST_IDLE_MS) this.hold(look, idleMs, `is ${lengthOf(idleMs)} past the last batch`);
  }

  /**
   * The first look after a crash of a process that had this doubt. Where the machine has started anew, nobody counted the time
   * in between: as much of it as the clock went ahead then counts as wrong.
   */
  resume(look: Look, { clockMs, countMs, aheadMs, evenMs }: Doubt): void {
    const wentMs = look.clockMs - clockMs - Math.max(0, look.countMs - countMs);
    this.last = look;
    this.held = { sinceMs: look.countMs - (wentMs > MOST_AHEAD_MS ? 0 : evenMs), aheadMs };
    this.goOn(look, wentMs);
    if (this.held)
      this.warn(`The database's clock was in doubt before this start. Nothing is deleted by its age ${UNTIL}.`);
  }

  /** Each later look: did the clock go as far as this node's own count of time? */
  look(look: Look): void {
    const { last } = this;
    this.last = look;
    if (!last) return;
    const clockMs = look.clockMs - last.clockMs;
    if (clockMs - (look.awakeMs - last.awakeMs) > MOST_AHEAD_MS) this.wentAtMs = look.awakeMs;
    const aheadMs = clockMs - (look.countMs - last.countMs);
    if (aheadMs > MOST_AHEAD_MS) {
      const all = aheadMs + (this.held?.aheadMs ?? 0);
      this.hold(
        look,
        all,
        `went ahead by itself, by ${lengthOf(aheadMs)}`,
        " If the clock is right, restart the node.",
      );
    } else if (this.held) this.goOn(look, aheadMs);
  }

  private hold({ countMs }: Look, aheadMs: number, what: string, more = ""): void {
    this.held = { sinceMs: countMs, aheadMs };
    this.warn(`The database's clock ${what}. Nothing is deleted by its age ${UNTIL}.${more}`);
  }

  private goOn({ countMs }: Look, aheadMs: number): void {
    const held = this.held as NonNullable<typeof this.held>;
    held.aheadMs += aheadMs;
    const isSetBack = held.aheadMs <= MOST_AHEAD_MS;
    if (!isSetBack && countMs - held.sinceMs < PROBATION_MS) return;
    this.held = null;
    const why = isSetBack ? "was set back" : "has run evenly for 24 hours";
    this.warn(`What is over its time is deleted again: the database's clock ${why}.`);
  }
}

const lengthOf = (ms: number): string =>
  ms < 2 * DAY_MS ? `${Math.round(ms / HOUR_MS)} hours` : `${Math.round(ms / DAY_MS)} days`;
