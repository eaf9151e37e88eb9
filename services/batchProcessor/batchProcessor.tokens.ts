/** Consumes tokens: each says that something may be claimable. A worker without a free slot leaves them to others. */

import type { MessageOf, QueueChannel, QueueMessage, WithQueue } from "../messages.ts";
import type { WorkLoop } from "./batchProcessor.loop.ts";
import type { Unit } from "./batchProcessor.units.ts";

/**
 * A worker whose slots are all taken for this long leaves the tokens to others. With a shorter time, short batches
 * would pause and resume the queue all the time.
 */
const SATURATED_MS = 50;

type Worker = Pick<WithQueue, "pauseAMQPQueue"> & {
  loop: Pick<WorkLoop<Unit>, "wake" | "free" | "freesWithin">;
  isStopping: boolean;
};

/** The token is held until nothing is claimable: if this worker is killed, another one gets it. */
export async function takeToken(worker: Worker, channel: QueueChannel, message: QueueMessage): Promise<void> {
  const { loop } = worker;
  await loop.wake(readyIn(message.content as MessageOf<"batch.ready">));
  while (loop.free === 0 && (await loop.freesWithin(SATURATED_MS))) await loop.wake();
  if (worker.isStopping) return;
  if (loop.free > 0) {
    channel.ack(message);
    return;
  }
  await worker.pauseAMQPQueue("batch.ready");
  // A slot may have become free before the pause, when there was nothing to resume.
  if (loop.free > 0) await loop.wake();
}

/** The batch that a token names, if any. */
function readyIn({ batchId, id, fence }: MessageOf<"batch.ready">): Unit | undefined {
  if (batchId === null || id === undefined || fence === undefined) return undefined;
  return { batches: [{ id, publicId: batchId, fence }], isGroup: false };
}
