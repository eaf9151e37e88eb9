import type { ServiceBroker } from "moleculer";
import type { TableFailure } from "../../database/errors.ts";
import { tableCounts } from "../../database/rows.ts";
import { shownTable } from "../../database/targets/names.ts";
import type { TablePlan } from "../../database/targets/target.ts";
import { bounded } from "../../lib/batching/recent.ts";
import { type Counter, counter, histogram } from "../../lib/metrics/figures.ts";
import { histogramBy } from "../../lib/metrics/spread.ts";
import type { Counted } from "../stats/stats.domain.ts";
import { type Tally, tallyOf } from "../tally.ts";
import { type BatchRow, finalStates, isFinal, ownDataset } from "./batch.domain.ts";
import type { Written } from "./batch.writes.domain.ts";

const rowOutcomes = ["created", "updated", "deleted", "duplicate", "refused"] as const;

/** Bounds in seconds, from a small chunk to a chunk whose rows are written one by one. */
const TABLE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const lateWrites = ["commit", "giveUp"] as const;
export type LateWrite = (typeof lateWrites)[number];

type Final = (typeof finalStates)[number];

const ends: Record<Final, Counted> = {
  completed: "batchesCompleted",
  completed_with_errors: "batchesCompletedWithErrors",
  failed: "batchesFailed",
  rejected: "batchesRejected",
  cancelled: "batchesCancelled",
  validated: "batchesValidated",
  undone: "batchesUndone",
};

/** Bounds in seconds, from the wait for an idle worker to a queue of hours. */
const CLAIM_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

/**
 * The most lost claims that are remembered. They are remembered so that each is counted once: a run may send several writes before it
 * notices the loss.
 */
const MOST_LOST = 10_000;

/** The dataset is a label. Only operators create datasets, so the label has few values. */
const byDataset = { label: "dataset", usual: ownDataset };

/** The metrics of `batch`. Each is counted where its database write succeeds. */
export class BatchFigures {
  private readonly batches: Counter<Final>;
  private readonly records: Counter<"accepted" | "rejected" | "duplicate">;
  private readonly leases: Counter<"batch" | "upload">;
  private readonly fences: Counter<LateWrite>;
  private readonly counted = bounded<string, true>(MOST_LOST);
  private readonly claimSeconds: (seconds: number) => void;
  private readonly rows: Counter<(typeof rowOutcomes)[number]>;
  private readonly tableFailures: Counter<TableFailure["kind"]>;
  private readonly tableChunks: Counter<"at_once" | "row_by_row">;
  private readonly tableSeconds: (database: string, seconds: number) => void;
  private readonly tally: Tally;

  constructor(broker: ServiceBroker) {
    this.tally = tallyOf(broker);
    const batches = { name: "dataflow_batches_total", help: "Batches that ended, by how." };
    this.batches = counter(broker, batches, "outcome", finalStates, byDataset);
    const records = { name: "dataflow_records_total", help: "Records of committed chunks, by what became of them." };
    this.records = counter(broker, records, "outcome", ["accepted", "rejected", "duplicate"], byDataset);
    const leases = { name: "dataflow_leases_lapsed_total", help: "Work taken from a silent node, by what it was." };
    this.leases = counter(broker, leases, "of", ["batch", "upload"]);
    const fences = {
      name: "dataflow_fences_lost_total",
      help: "Batches that a worker had lost, as its first late write found.",
    };
    this.fences = counter(broker, fences, "write", lateWrites);
    const table = {
      name: "dataflow_table_rows_total",
      help: "Rows of the company's own tables, by what became of them.",
    };
    this.rows = counter(broker, table, "outcome", rowOutcomes, { label: "table", usual: "" });
    const failures = {
      name: "dataflow_table_failures_total",
      help: "Chunks that their table did not take: busy, and tried again, or gone.",
    };
    this.tableFailures = counter(broker, failures, "kind", ["busy", "gone"]);
    const chunks = {
      name: "dataflow_table_chunks_total",
      help: "Chunks in their tables, by how their rows were written.",
    };
    this.tableChunks = counter(broker, chunks, "how", ["at_once", "row_by_row"]);
    const time = { name: "dataflow_table_seconds", help: "Time of a chunk in its table." };
    this.tableSeconds = histogramBy(broker, { ...time, label: "database", bounds: TABLE_SECONDS, first: [""] });
    const claim = { name: "dataflow_claim_latency_seconds", help: "From ready to the first claim." };
    this.claimSeconds = histogram(broker, claim, CLAIM_SECONDS);
  }

  /** Counts a chunk whose rows are in the table. */
  tableWritten({ table }: TablePlan, before: BatchRow, { batch, table: written }: Written): void {
    const of = table.database === null ? shownTable(table) : `${table.database}:${shownTable(table)}`;
    for (const outcome of tableCounts) this.rows.add(outcome, (batch[outcome] ?? 0) - (before[outcome] ?? 0), of);
    if (!written) return;
    const refused = written.refused.reduce((sum, { rows }) => sum + rows, 0);
    this.rows.add("refused", refused, of);
    this.rows.add("duplicate", written.passed, of);
    this.tableChunks.add(written.isRowByRow ? "row_by_row" : "at_once");
    this.tableSeconds(table.database ?? "", written.ms / 1000);
  }

  /** Counts a failed write of a chunk. */
  tableFailed({ kind }: TableFailure): void {
    this.tableFailures.add(kind);
  }

  /** Each write that leaves a batch in a final state has just ended it. */
  moved({ state, dataset, clientId }: BatchRow): void {
    if (!isFinal(state)) return;
    this.batches.add(state as Final, 1, dataset);
    this.tally.add(ends[state as Final], 1, clientId);
  }

  /** Only the first claim is measured. At a later claim the time since the upload would include earlier runs. */
  claimed({ fence, readyAt, startedAt, clientId }: BatchRow): void {
    if (fence !== 1 || readyAt === null || startedAt === null) return;
    this.claimSeconds((startedAt - readyAt) / 1000);
    this.tally.add("claims", 1, clientId);
    this.tally.add("claimMs", startedAt - readyAt, clientId);
  }

  committed(before: BatchRow, after: BatchRow): void {
    for (const outcome of ["accepted", "rejected", "duplicate"] as const) {
      const records = after[outcome] - before[outcome];
      this.records.add(outcome, records, after.dataset);
      this.tally.add(outcome, records, after.clientId);
    }
  }

  /** Counts once for each claim, because a run may have sent its next write before it knows the result of this one. */
  lost(write: LateWrite, { id, fence }: BatchRow): void {
    const claim = `${id}:${fence}`;
    if (this.counted.has(claim)) return;
    this.counted.set(claim, true);
    this.fences.add(write);
  }

  lapsed(of: "batch" | "upload"): void {
    this.leases.add(of);
  }
}
