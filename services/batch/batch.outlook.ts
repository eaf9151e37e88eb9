/** The outlook of batches that have not ended, for operators: their current run, why they wait, and until when. */
import type { BatchStore } from "../../database/store.ts";
import type { BatchOutlook, BatchRow } from "./batch.domain.ts";
import { isUnderWay, outlookOf } from "./batch.outlook.domain.ts";
import type { PinnedPolicies } from "./batch.pinned.ts";

export interface OutlookParts {
  store: Pick<BatchStore, "queuesOf">;
  pinned: Pick<PinnedPolicies, "of">;
}

/** The outlook of each of these batches that has not ended. One query reads the queues of all their clients. Throws unavailable. */
export async function outlooks({ store, pinned }: OutlookParts, batches: BatchRow[]): Promise<BatchOutlook[]> {
  const ready = batches.filter(({ state }) => state === "ready");
  const { now, queues } =
    ready.length > 0
      ? await store.queuesOf([...new Set(ready.map(({ clientId }) => clientId))])
      : { now: 0, queues: [] };
  const byClient = new Map(queues.map((queue) => [queue.clientId, queue]));
  return Promise.all(
    batches.map(async (batch) => {
      const maxAttempts = isUnderWay(batch) ? (await pinned.of(batch)).policy.maxAttempts : 0;
      return outlookOf(batch, { maxAttempts, queue: byClient.get(batch.clientId), now });
    }),
  );
}
