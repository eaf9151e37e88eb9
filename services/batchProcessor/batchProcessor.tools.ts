/** What the steps of a run need, and what a step is. */
import type { ServiceBroker } from "moleculer";
import type { BatchStore } from "../../database/store.ts";
import type { WorkerFigures } from "./batchProcessor.figures.ts";
import type { RemoteNodes } from "./batchProcessor.nodes.ts";
import type { Run } from "./batchProcessor.run.ts";
import type { TablePlans } from "./batchProcessor.tables.ts";
import type { Validators } from "./batchProcessor.validators.ts";

/** What a worker reads and writes in the database by itself. Moves of a batch's state go through `batch`. */
export type WorkPort = Pick<
  BatchStore,
  | "keepsOrder"
  | "batch"
  | "candidates"
  | "readChunk"
  | "refused"
  | "reserveKeys"
  | "takenKeys"
  | "extendLeases"
  | "isOvertaken"
>;

/** What the steps need. */
export interface Tools {
  broker: ServiceBroker;
  /** Set only once the node has started. */
  work(): WorkPort;
  nodes: RemoteNodes;
  validators: Validators;
  tables: TablePlans;
  figures: WorkerFigures;
  /** After this time a batch is handed back if another client waits. */
  sliceMs: number;
  /** A planned stop: the run finishes the current chunk, then hands the batch back. */
  isStopping(): boolean;
  /** Tells that a commit has renewed the lease. */
  renewed(batchId: number): void;
}

/** A step does its part for one run, and may end the run by an outcome. */
export type Step = (tools: Tools, run: Run) => Promise<void>;
