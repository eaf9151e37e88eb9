/** How a worker stands to its queue: a token says that something may be claimable, and is left to others where no slot is free. */
import type { QueueChannel, QueueMessage, WithQueue } from "../../mixins/queue.ts";
import type { WorkLoop } from "./batchProcessor.loop.ts";

/** A worker whose slots are all taken for so long leaves the tokens to others; shorter, and short batches flap it. */
const SATURATED_MS = 50;

type Worker = Pick<WithQueue, "pauseAMQPQueue"> & {
  loop: Pick<WorkLoop<unknown>, "wake" | "free" | "freesWithin">;
  isStopping: boolean;
};

/** Held until there is nothing to claim: were this worker killed, another would get the token. */
export async function takeToken(worker: Worker, channel: QueueChannel, message: QueueMessage): Promise<void> {
  const { loop } = worker;
  do await loop.wake();
  while (loop.free === 0 && (await loop.freesWithin(SATURATED_MS)));
  if (worker.isStopping) return;
  if (loop.free > 0) {
    channel.ack(message);
    return;
  }
  await worker.pauseAMQPQueue("batch.ready");
  // A slot that freed meanwhile found nothing to resume.
  if (loop.free > 0) await loop.wake();
}
