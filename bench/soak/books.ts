/** What was sent in a run, and what came back: latencies by kind, and the counts that have to agree at the end. */
import { quantile } from "../kit/report.ts";

export interface Latency {
  p50: number;
  p99: number;
}

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
  readonly done: Record<string, number> = {};
  #latencies = new Map<string, number[]>();

  fault(text: string): void {
    if (this.faults.length < MOST_FAULTS) this.faults.push(text);
  }

  took(kind: string, ms: number): void {
    this.done[kind] = (this.done[kind] ?? 0) + 1;
    const known = this.#latencies.get(kind);
    if (known) known.push(ms);
    else this.#latencies.set(kind, [ms]);
  }

  /** Of each kind since the last call. */
  latencies(): Map<string, Latency> {
    const found = [...this.#latencies].map(
      ([kind, values]) => [kind, { p50: quantile(values, 0.5), p99: quantile(values, 0.99) }] as const,
    );
    this.#latencies = new Map();
    return new Map(found);
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
