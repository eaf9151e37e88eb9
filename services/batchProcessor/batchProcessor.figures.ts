/** Metrics of a worker: its chunks, and the handlers that it calls. */
import type { ServiceBroker } from "moleculer";
import { histogramBy } from "../../lib/metrics/spread.ts";
import type { Phase } from "../batch/batch.domain.ts";

const chunks = { name: "dataflow_chunk_seconds", help: "Time of a chunk in a worker, from its read to its commit." };
const handlers = { name: "dataflow_handler_seconds", help: "Time of a call of a handler, by its action." };

const phases: readonly Phase[] = ["validate", "deliver", "check", "review"];
/** Bounds in seconds, from a chunk of a few records to one whose rows are written one by one. */
const CHUNK_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Bounds in seconds, up to the longest usual `handlerTimeoutMs`. */
const HANDLER_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export class WorkerFigures {
  private readonly chunk: (phase: Phase, seconds: number) => void;
  private readonly handler: (action: string, seconds: number) => void;

  constructor(broker: ServiceBroker) {
    this.chunk = histogramBy(broker, { ...chunks, label: "phase", bounds: CHUNK_SECONDS, first: phases });
    this.handler = histogramBy(broker, { ...handlers, label: "handler", bounds: HANDLER_SECONDS });
  }

  /** Counts a chunk that is committed, or whose commit was sent. */
  committed(phase: Phase, ms: number): void {
    this.chunk(phase, ms / 1000);
  }

  /** Counts a handler's answer or failure. The handler is a label. Only policies name handlers, so the label has few values. */
  handled(action: string, ms: number): void {
    this.handler(action, ms / 1000);
  }
}
