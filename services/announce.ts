/** Announces the writes of batches, for every actor that writes one. */
import type { ServiceBroker } from "moleculer";
import type { BatchRow, Written } from "../database/store.ts";
import { BATCH_WRITTEN, type BatchNews, isFinal } from "./batch/batch.contract.ts";
import type { ReadyBatch } from "./batchProcessor/batchProcessor.contract.ts";
import { publishSoon } from "./messages.ts";

/** Tells waiting requests of this node at once, and hands the write's events to the outbox for all others. */
export const announceBatch = (broker: ServiceBroker, written: Written): void => announceBatches(broker, [written]);

/** Publishes the events of all batches together. The token for workers names the first ready batch. */
export function announceBatches(broker: ServiceBroker, all: Written[]): void {
  for (const { batch } of all) {
    const { publicId: batchId, version, state } = batch;
    broker.localBus.emit(BATCH_WRITTEN, { batchId, version, hasEnded: isFinal(state) } satisfies BatchNews);
  }
  const ready = all.find(({ batch }) => batch.state === "ready")?.batch;
  publishSoon(broker, { rows: all.flatMap(({ outbox }) => outbox), ...(ready && { ready: readyBatch(ready) }) });
}

const readyBatch = ({ id, publicId: batchId, fence }: BatchRow): ReadyBatch => ({ batchId, id, fence });
