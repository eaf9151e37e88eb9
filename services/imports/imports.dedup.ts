/** Dedup: uploads with the same content as an earlier batch of the client, if the policy does not allow them. */

import { hash } from "node:crypto";
import { Problem } from "../../lib/errors.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { Policy, PolicyVersion } from "../policy/policy.contract.ts";
import type { Created } from "./imports.contract.ts";
import type { UploadCommit } from "./imports.domain.ts";
import { type Asked, answerIn, replayed } from "./imports.idempotency.ts";
import type { UploadPort } from "./imports.running.ts";

const HOUR_MS = 3_600_000;

/** How long content is remembered for dedup, and by what. Null: the policy allows duplicates. */
export function dedupOf({ policy, dataset }: PolicyVersion, contentHash: string): UploadCommit["dedup"] {
  if (policy.dedup === "allow") return null;
  const keepMs = policy.dedupHours * HOUR_MS;
  return dataset ? { keepMs, hash: hash("sha256", `${dataset.scope}\n${contentHash}`, "hex") } : { keepMs };
}

/** The earlier batch of the same content. An idempotency key keeps this answer. Throws duplicate-batch. */
export async function duplicateAnswer(
  store: Pick<UploadPort, "answerKey">,
  params: Asked,
  { id, key, totals }: UploadCommit,
  earlier: BatchRow,
  { dedup }: Policy,
): Promise<Created> {
  if (dedup === "reject")
    throw new Problem("duplicate-batch", `Batch ${earlier.publicId} has the same content.`, {
      batchId: earlier.publicId,
    });
  const answer = { status: 200, batch: earlier } as const;
  const holder = key && (await store.answerKey(params.clientId, key, id, answer));
  return holder ? replayed(answerIn(holder), params, totals.contentHash) : { ...answer, isReplayed: false };
}
