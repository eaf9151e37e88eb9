/** What was sent in a run, and what came back: the counts that have to agree at the end, and how long each call took. */
import type { Recording } from "./series.ts";

/** The largest share of calls that a node may answer with 503: it does so when the machine lets it do nothing for seconds. */
const MOST_BUSY = 0.01;
/** Faults that are printed. A system that is broken has one each time. */
const MOST_FAULTS = 10;

export class Books {
  /** Records that batches have accepted: those for the company's table, and all others. */
  readonly accepted = { store: 0, table: 0 };
  readonly faults: string[] = [];
  /** Batches of the partner with a webhook, and what its receiver was told of each. */
  readonly posted = new Set<string>();
  readonly told = new Map<string, number>();
  /** How often a webhook came again: it comes at least once. */
  repeats = 0;
  /** Answers 503: come again. */
  busy = 0;
  readonly done: Record<string, number> = {};
  readonly #recording: Recording;
  #began = performance.now();

  constructor(recording: Recording) {
    this.#recording = recording;
  }

  /** The run begins: its time is 0. */
  begin(): void {
    this.#began = performance.now();
  }

  /** Seconds since the begin. */
  at(): number {
    return (performance.now() - this.#began) / 1000;
  }

  fault(text: string): void {
    if (this.faults.length < MOST_FAULTS) this.faults.push(text);
  }

  /** Notes a call that has failed. 503 is counted apart, because a busy machine may cause it. */
  failed(kind: string, { message }: Error): void {
    if (/\b503\b/.test(message)) this.busy++;
    else this.fault(`${kind}: ${message}`);
  }

  /** The end of the run. */
  judgeBusy(): void {
    const calls = Object.values(this.done).reduce((sum, n) => sum + n, 0);
    if (this.busy > MOST_BUSY * calls) this.fault(`${this.busy} of ${calls} calls were answered with 503`);
  }

  took(kind: string, ms: number): void {
    this.done[kind] = (this.done[kind] ?? 0) + 1;
    this.#recording.took(kind, this.at(), ms);
  }

  /** A webhook has come. */
  tell(id: string, accepted: number): void {
    if (this.told.has(id)) this.repeats++;
    else this.accepted.store += accepted;
    this.told.set(id, accepted);
  }

  /** Batches whose webhook has not come. */
  untold(): string[] {
    return [...this.posted].filter((id) => !this.told.has(id));
  }
}
