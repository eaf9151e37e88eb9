/**
 * Decides whether retention may trust the database's clock. A clock that jumps ahead (a wrong time server, a machine that
 * wakes up with a wrong date) would make all data expire at once. So each node compares the clock with its own monotonic
 * time, which nobody can set. While the clock is in doubt, nothing is deleted by its age.
 */
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A clock that is further ahead is in doubt. Larger than a usual correction of a clock, shorter than the shortest retention. */
const MOST_AHEAD_MS = HOUR_MS;
/** A single machine may be idle, or off, for a night. A longer pause may be a wrong date. */
const MOST_IDLE_MS = DAY_MS;
/** How long a clock in doubt must run evenly before it is trusted again. An operator has this time to see the warning. */
const PROBATION_MS = DAY_MS;
const UNTIL = "until the clock is set back, or has run evenly for 24 hours";

interface Look {
  clockMs: number;
  /** The node's monotonic time. It also counts while the machine sleeps. */
  countMs: number;
  /** Monotonic time without sleep. While the machine sleeps, nobody renews a lease. */
  awakeMs: number;
}

/** A doubt at the last look at the clock. It is stored, so a process that starts after a crash continues with it. */
export interface Doubt {
  clockMs: number;
  countMs: number;
  /** How far the clock is ahead. */
  aheadMs: number;
  /** How long the clock has run evenly since the doubt began. */
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

  /** Whether data that has expired by this clock may be deleted. */
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

  /** Whether the clock jumped ahead, or the machine slept, in the last `ms`. Then leases have expired that nobody could renew. */
  wentIn(ms: number): boolean {
    return this.last !== null && this.last.awakeMs - this.wentAtMs < ms;
  }

  /**
   * The first look at the clock. Compares it with another known time: the clock of this machine (`otherMs`), or the time when
   * the last batch was stored (`storedMs`; null: there is no batch).
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
   * The first look after a crash of a process that had this doubt. After a restart of the machine its monotonic time begins
   * at 0, so nobody counted the time in between. All that the clock advanced in that time then counts as wrong.
   */
  resume(look: Look, { clockMs, countMs, aheadMs, evenMs }: Doubt): void {
    const wentMs = look.clockMs - clockMs - Math.max(0, look.countMs - countMs);
    this.last = look;
    this.held = { sinceMs: look.countMs - (wentMs > MOST_AHEAD_MS ? 0 : evenMs), aheadMs };
    this.goOn(look, wentMs);
    if (this.held)
      this.warn(`The database's clock was in doubt before this start. Nothing is deleted by its age ${UNTIL}.`);
  }

  /** Each later look: compares how far the clock and the node's monotonic time have advanced. */
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
