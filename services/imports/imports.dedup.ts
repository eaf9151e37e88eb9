/** Dedup: uploads with the same content as an earlier batch of the client, if the policy does not allow them. */
import type { BatchRow, UploadCommit } from "../../database/store.ts";
import { Problem } from "../../lib/errors.ts";
import type { ParamsOf } from "../messages.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { Created } from "./imports.contract.ts";
import { answerIn, replayed } from "./imports.idempotency.ts";
import type { UploadPort } from "./imports.ports.ts";

const HOUR_MS = 3_600_000;

/** How long content is remembered for dedup. Null: the policy allows duplicates. */
export const dedupOf = ({ dedup, dedupHours }: Policy): UploadCommit["dedup"] =>
  dedup === "allow" ? null : { keepMs: dedupHours * HOUR_MS };

/** The earlier batch of the same content. An idempotency key keeps this answer. Throws duplicate-batch. */
export async function duplicateAnswer(
  store: Pick<UploadPort, "answerKey">,
  params: ParamsOf<"imports.create">,
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
