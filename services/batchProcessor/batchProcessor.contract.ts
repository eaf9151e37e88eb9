import { action, queue } from "../declare.ts";

export type { HandlerAnswer, HandlerCall, HandlerOutcome } from "./batchProcessor.handlerTypes.ts";

/** A hint: the batch that an idle worker tries to claim first. */
export interface ReadyBatch {
  batchId: string;
  /** The internal id of the batch. */
  id: number;
  fence: number;
}

export const batchProcessorQueues = {
  /**
   * A token: something may be claimable. BATCH_READY_QUEUE is its name in RabbitMQ. A ReadyBatch is a hint, and it
   * may be missing: the worker that takes the token looks for all ready batches.
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

/** Each of these three actions concerns one worker: call it with the worker's `nodeID`. */
export const batchProcessorActions = {
  /** The state of this worker. */
  status: action({}).answers<WorkerStatus>(),
  /** Stops claiming batches. The current batches finish. A restart of the node ends the pause. */
  pause: action({}).answers<WorkerStatus>(),
  resume: action({}).answers<WorkerStatus>(),
};
