/** Calls that an operator makes on behalf of a client. They do the same as the client's own calls, and the audit names the operator. */
import { Problem } from "../lib/errors.ts";
import { actors, type Caller } from "./actors.ts";
import type { BatchRow } from "./batch/batch.domain.ts";

/** The batch that an operator names, and the operator's reason. */
interface Asked {
  publicId: string;
  reason?: string | undefined;
}

interface Answer {
  batch: BatchRow;
  isNew: boolean;
}

/** Runs a retry when a place is free. It takes one of the client's `uploads`, of which each node has the same number. */
type InTurn = (of: { clientId: number; uploads: number }, send: () => Promise<Answer>) => Promise<Answer>;

/** The batch, its client, and that client's current policy. Throws not-found, and illegal-state while the client is erased. */
async function ofAnyClient(via: Caller, { publicId, reason }: Asked, refusal: string) {
  const batch = await actors.batch.get(via, { publicId });
  const client = await actors.clientCache.get(via, { id: batch.clientId });
  if (!client || client.erasureId !== null)
    throw new Problem("illegal-state", `The client of the batch is being erased: ${refusal}.`, {
      current: batch.state,
    });
  const { id: clientId, publicId: clientPublicId } = client;
  const policy = await actors.policy.ofDataset(via, { clientId, name: batch.dataset });
  return { publicId, clientId, clientPublicId, policy, ...(reason !== undefined && { reason }) };
}

/**
 * Makes a new batch of the rejected records of any client's batch, by that client's policy of today. The new batch is the client's.
 * Asked again: the same batch, `isNew` false. Throws what `imports.retryRejected` throws, and illegal-state while its client is erased.
 */
export async function retryOfAnyClient(
  via: Caller,
  { requestId = null, ...asked }: Asked & { requestId?: string | null },
  inTurn: InTurn = (_, send) => send(),
): Promise<Answer> {
  const params = await ofAnyClient(via, asked, "no new batch is made for it");
  const uploads = params.policy.policy.maxConcurrentUploads;
  return inTurn({ clientId: params.clientId, uploads }, () =>
    actors.imports.retryRejected(via, { ...params, requestId }, { timeout: 0 }),
  );
}

/**
 * Delivers any client's batch that was only checked, by that client's policy of today. Asked again: the batch as it is, `isNew` false.
 * Throws what `imports.commitChecked` throws, and illegal-state while its client is erased.
 */
export async function commitOfAnyClient(via: Caller, asked: Asked): Promise<Answer> {
  return actors.imports.commitChecked(via, await ofAnyClient(via, asked, "nothing is delivered for it"));
}
