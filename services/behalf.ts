/** What an operator asks for on behalf of a client: as the client's own call, for any client, with the operator's name in the audit. */
import { Problem } from "../lib/errors.ts";
import { actors, type Caller } from "./actors.ts";
import type { BatchRow } from "./batch/batch.domain.ts";

/** Which batch an operator asks for, and in whose words. */
interface Asked {
  publicId: string;
  reason?: string | undefined;
}

interface Answer {
  batch: BatchRow;
  isNew: boolean;
}

/** Runs a retry when it is its turn. It takes one of the `uploads` of its client, which are as many on each node. */
type InTurn = (of: { clientId: number; uploads: number }, send: () => Promise<Answer>) => Promise<Answer>;

/** The batch, its client, and that client's policy of today. Throws not-found, and illegal-state while the client is erased. */
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
