import { Flight } from "../../lib/batching/flight.ts";

/** A current run. Its promise, which never rejects, is wrapped in an object: `await start()` would wait for a bare promise. */
export interface Started {
  end: Promise<void>;
}

/** What the loop needs. */
export interface LoopParts<Candidate> {
  slots: number;
  /** The candidates, at most `limit`, in fair order. `isAll`: there are no more, or this worker will look again. */
  look(limit: number): Promise<{ found: Candidate[]; isAll: boolean }>;
  /** Tries to claim a candidate. Null: another worker has it. */
  start(candidate: Candidate): Promise<Started | null>;
  failed(error: unknown): void;
  /** Called when nothing is claimable and a slot is free. */
  hasRoom(): void;
  /** Called when a run has ended and this worker has not seen all candidates: other workers may find more work. */
  passOn(): void;
}

/**
 * Fills the slots of a worker. It runs once at a time, no matter how often it is woken, and continues until nothing is claimable or
 * every slot is taken. A slot that becomes free wakes it again.
 */
export class WorkLoop<Candidate> {
  private readonly parts: LoopParts<Candidate>;
  private readonly runs = new Set<Promise<void>>();
  private readonly flight: Flight;
  private isHalted = false;
  private first: Candidate | null = null;
  /** Whether the last query returned all candidates. */
  private hasSeenAll = false;

  constructor(parts: LoopParts<Candidate>) {
    this.parts = parts;
    const landed = () => {
      if (this.free > 0) parts.hasRoom();
    };
    this.flight = new Flight({ some: () => this.claimSome(), failed: (error) => parts.failed(error), landed });
  }

  /** The number of free slots. It is 0 during a pause, so that the queue treats the worker as busy. */
  get free(): number {
    return this.isHalted ? 0 : this.parts.slots - this.runs.size;
  }

  /** How many runs, or groups of runs, are under way. */
  get busy(): number {
    return this.runs.size;
  }

  get isPaused(): boolean {
    return this.isHalted;
  }

  /** Claims nothing until `resume`, and finishes what runs. */
  pause(): void {
    this.isHalted = true;
  }

  resume(): void {
    this.isHalted = false;
    this.wake();
  }

  /**
   * Resolves when nothing is left to claim, or no slot is free. An idle worker tries `first`, and queries candidates only if another
   * worker has claimed it. That is enough, because an idle worker has claimed all earlier batches, and each later batch sends a token
   * too.
   */
  wake(first?: Candidate): Promise<void> {
    if (first !== undefined && this.runs.size === 0) this.first = first;
    return this.flight.wake();
  }

  /** Whether a slot is free, or becomes free within `ms`. */
  async freesWithin(ms: number): Promise<boolean> {
    if (this.free > 0) return true;
    const { promise: tooLong, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), ms);
    const isFree = await Promise.race([tooLong, ...[...this.runs].map((run) => run.then(() => true))]);
    clearTimeout(timer);
    return isFree;
  }

  private async claimSome(): Promise<boolean> {
    // If the worker has work by now, it queries candidates. It tries the hint only once.
    const first = this.runs.size === 0 ? this.first : null;
    this.first = null;
    this.hasSeenAll = false;
    if (this.flight.isEnded || this.free === 0) return false;
    const { free } = this;
    const { found, isAll } = first === null ? await this.parts.look(free) : { found: [first], isAll: false };
    if (this.flight.isEnded || this.isHalted) return false;
    // All claims at once, so that the database makes them durable together.
    const starts = await Promise.allSettled(found.map((candidate) => this.tryStart(candidate)));
    for (const start of starts) if (start.status === "rejected") throw start.reason;
    const hasStarted = starts.some((start) => start.status === "fulfilled" && start.value);
    if (first !== null) return !hasStarted;
    this.hasSeenAll = isAll;
    return hasStarted && !isAll;
  }

  private async tryStart(candidate: Candidate): Promise<boolean> {
    const started = await this.parts.start(candidate);
    if (started) this.watch(started.end);
    return started !== null;
  }

  private watch(run: Promise<void>): void {
    const watched: Promise<void> = run.finally(() => {
      this.runs.delete(watched);
      void this.lookAfterRun();
    });
    this.runs.add(watched);
  }

  /** The client has a free place again. This worker usually finds its next batch, so no other worker need be woken. */
  private async lookAfterRun(): Promise<void> {
    if (!this.flight.isEnded) await this.wake();
    if (!this.hasSeenAll || this.flight.isEnded) this.parts.passOn();
  }

  /** Stops claiming, and waits for the current runs. */
  async end(): Promise<void> {
    await this.flight.end();
    await Promise.all(this.runs);
  }
}
