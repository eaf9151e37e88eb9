/** Notes what a soak has sent and what came back: the counts that must agree at the end, and how long each call took. */
import type { Recording } from "./series.ts";

/**
 * The largest share of calls that may be answered with 503. Nodes answer 503 when the machine gives them no CPU time for seconds.
 */
const MOST_BUSY = 0.01;
/** How many faults are kept and printed. A broken system would add one with each call. */
const MOST_FAULTS = 10;

export class Books {
  /** The number of records that batches have accepted: those for the company's table, and all others. */
  readonly accepted = { store: 0, table: 0 };
  readonly faults: string[] = [];
  /** The ids of batches whose partner has a webhook, and the number of accepted records that each webhook reported. */
  readonly posted = new Set<string>();
  readonly told = new Map<string, number>();
  /** How many webhooks came more than once. DataFlow sends a webhook at least once. */
  repeats = 0;
  /** How many calls were answered with 503. */
  busy = 0;
  readonly done: Record<string, number> = {};
  readonly #recording: Recording;
  #began = performance.now();

  constructor(recording: Recording) {
    this.#recording = recording;
  }

  /** Starts the clock of the run. */
  begin(): void {
    this.#began = performance.now();
  }

  /** Seconds since the begin of the run. */
  at(): number {
    return (performance.now() - this.#began) / 1000;
  }

  fault(text: string): void {
    if (this.faults.length < MOST_FAULTS) this.faults.push(text);
  }

  /** Notes a failed call. 503 is counted separately, because a busy machine may cause it. */
  failed(kind: string, { message }: Error): void {
    if (/\b503\b/.test(message)) this.busy++;
    else this.fault(`${kind}: ${message}`);
  }

  /** Adds a fault at the end of the run if too many calls were answered with 503. */
  judgeBusy(): void {
    const calls = Object.values(this.done).reduce((sum, n) => sum + n, 0);
    if (this.busy > MOST_BUSY * calls) this.fault(`${this.busy} of ${calls} calls were answered with 503`);
  }

  took(kind: string, ms: number): void {
    this.done[kind] = (this.done[kind] ?? 0) + 1;
    this.#recording.took(kind, this.at(), ms);
  }

  /** Notes a webhook that the receiver got for the batch `id`. */
  tell(id: string, accepted: number): void {
    if (this.told.has(id)) this.repeats++;
    else this.accepted.store += accepted;
    this.told.set(id, accepted);
  }

  /** Ids of batches whose webhook has not come. */
  untold(): string[] {
    return [...this.posted].filter((id) => !this.told.has(id));
  }
}
