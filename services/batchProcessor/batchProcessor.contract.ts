import { action, queue } from "../declare.ts";

export type { HandlerAnswer, HandlerCall, HandlerOutcome } from "./batchProcessor.handlerTypes.ts";

/** Where an idle worker may begin to look. */
export interface ReadyBatch {
  batchId: string;
  /** Of its row. */
  id: number;
  fence: number;
}

export const batchProcessorQueues = {
  /**
   * Something may be claimable; the setting BATCH_READY_QUEUE is its name in RabbitMQ. A ReadyBatch is no promise, and it
   * may be missing: whoever takes the token looks for all there is.
   */
  "batch.ready": queue({
    batchId: { type: "uuid", nullable: true },
    id: { type: "number", optional: true },
    fence: { type: "number", optional: true },
  }),
};

export interface WorkerStatus {
  paused: boolean;
  slots: number;
  /** The ids of its batches. */
  running: string[];
}

/** All three speak of one worker: call them with its `nodeID`. */
export const batchProcessorActions = {
  /** What this worker does now. */
  status: action({}).answers<WorkerStatus>(),
  /** It claims nothing any more, and finishes what runs. A restart forgets it. */
  pause: action({}).answers<WorkerStatus>(),
  resume: action({}).answers<WorkerStatus>(),
};
