/** The rejected records of a batch, sent again as a batch of their own: of which batches, and by an operator. */
import { Problem } from "../lib/errors.ts";
import { actors, type Caller } from "./actors.ts";
import { type BatchRow, isFinal } from "./batch/batch.domain.ts";

const refused = ({ state: current }: BatchRow, detail: string) => new Problem("illegal-state", detail, { current });

/** Nothing of it was delivered: its records are no rejected ones yet. */
export const onlyChecked = (batch: BatchRow) =>
  refused(
    batch,
    `The batch ${batch.publicId} was only checked: nothing of it was delivered. Correct the file and send the whole of it again.`,
  );

/** Throws illegal-state: the batch has not ended, or has no rejected records that are all kept. */
export function requireRejected(batch: BatchRow): void {
  const { state, rejected, unlisted } = batch;
  if (state === "validated") throw refused(batch, "The batch was only checked: commit it first.");
  if (!isFinal(state)) throw refused(batch, `The batch is ${state}: it has not ended.`);
  if (batch.phase === "check") throw onlyChecked(batch);
  if (state === "undone") throw refused(batch, "The batch was taken back: send its content again.");
  if (rejected === 0) throw refused(batch, "No record of the batch was rejected.");
  if (unlisted > 0)
    throw refused(
      batch,
      `The error report lists ${rejected - unlisted} of ${rejected} rejected records; the others are not kept. Correct the file and send it again.`,
    );
}

/** Which batch an operator asks for, in whose words, and by which request. */
interface Asked {
  publicId: string;
  reason?: string | undefined;
  requestId?: string | null;
}

/**
 * Makes a new batch of the rejected records of any client's batch, by that client's policy of today. The new batch is the client's, and
 * the audit names who has asked. Asked again: the same batch, `isNew` false. Throws what `imports.retryRejected` throws, and illegal-state
 * while its client is erased.
 */
export async function retryOfAnyClient(
  via: Caller,
  { publicId, reason, requestId = null }: Asked,
): Promise<{ batch: BatchRow; isNew: boolean }> {
  const parent = await actors.batch.get(via, { publicId });
  const client = await actors.clientCache.get(via, { id: parent.clientId });
  if (!client || client.erasureId !== null)
    throw refused(parent, "The client of the batch is being erased: no new batch is made for it.");
  const { id: clientId, publicId: clientPublicId } = client;
  const policy = await actors.policy.ofDataset(via, { clientId, name: parent.dataset });
  const params = { publicId, clientId, clientPublicId, policy, requestId, ...(reason !== undefined && { reason }) };
  return actors.imports.retryRejected(via, params, { timeout: 0 });
}
