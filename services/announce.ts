/** How a batch's write becomes known, whichever actor wrote it. */
import type { ServiceBroker } from "moleculer";
import type { Written } from "../database/store.ts";
import { BATCH_WRITTEN, type BatchNews, isFinal } from "./batch/batch.contract.ts";
import { publishSoon } from "./messages.ts";

/** Tells who waits on this node at once (there may be nobody), and hands the write's events to the outbox for all others. */
export function announceBatch(broker: ServiceBroker, { batch, outbox }: Written): void {
  const { id, publicId: batchId, version, fence, state } = batch;
  broker.localBus.emit(BATCH_WRITTEN, { batchId, version, hasEnded: isFinal(state) } satisfies BatchNews);
  publishSoon(broker, { rows: outbox, ...(state === "ready" && { ready: { batchId, id, fence } }) });
}
