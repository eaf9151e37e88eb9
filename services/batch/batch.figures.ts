import type { ServiceBroker } from "moleculer";
import { type Counter, counter, histogram } from "../../lib/metrics/figures.ts";
import { type BatchRow, finalStates, isFinal } from "./batch.contract.ts";

type Final = (typeof finalStates)[number];

/** From an instant on an idle worker to a queue of hours. */
const CLAIM_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

/** What `batch` counts, at the one place where each thing becomes true: its write. */
export class BatchFigures {
  private readonly batches: Counter<Final>;
  private readonly records: Counter<"accepted" | "rejected" | "duplicate">;
  private readonly leases: Counter<"batch" | "upload">;
  private readonly fences: Counter<"commit" | "giveUp">;
  private readonly claimSeconds: (seconds: number) => void;

  constructor(broker: ServiceBroker) {
    const batches = { name: "dataflow_batches_total", help: "Batches that ended, by how." };
    this.batches = counter(broker, batches, "outcome", finalStates);
    const records = { name: "dataflow_records_total", help: "Records of committed chunks, by what became of them." };
    this.records = counter(broker, records, "outcome", ["accepted", "rejected", "duplicate"]);
    const leases = { name: "dataflow_leases_lapsed_total", help: "Work taken from a silent node, by what it was." };
    this.leases = counter(broker, leases, "of", ["batch", "upload"]);
    const fences = { name: "dataflow_fences_lost_total", help: "Writes of a worker that no longer held its batch." };
    this.fences = counter(broker, fences, "write", ["commit", "giveUp"]);
    const claim = { name: "dataflow_claim_latency_seconds", help: "From ready to the first claim." };
    this.claimSeconds = histogram(broker, claim, CLAIM_SECONDS);
  }

  /** Each write that leaves a batch in a final state has just ended it. */
  moved({ state }: BatchRow): void {
    if (isFinal(state)) this.batches.add(state as Final);
  }

  /** Later claims would measure what the batch did before. */
  claimed({ fence, readyAt, startedAt }: BatchRow): void {
    if (fence === 1 && readyAt !== null && startedAt !== null) this.claimSeconds((startedAt - readyAt) / 1000);
  }

  /** `after` is null where the fence refused the commit. */
  committed(before: BatchRow, after: BatchRow | null): void {
    if (!after) {
      this.lost("commit");
      return;
    }
    this.records.add("accepted", after.accepted - before.accepted);
    this.records.add("rejected", after.rejected - before.rejected);
    this.records.add("duplicate", after.duplicate - before.duplicate);
  }

  lost(write: "commit" | "giveUp"): void {
    this.fences.add(write);
  }

  lapsed(of: "batch" | "upload"): void {
    this.leases.add(of);
  }
}
