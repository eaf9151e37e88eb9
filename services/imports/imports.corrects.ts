/** Which batch a correction corrects. */
import type { Context } from "moleculer";
import { isProblem, Problem } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import { type BatchRow, type BatchState, ownDataset } from "../batch/batch.domain.ts";
import type { ParamsOf } from "../messages.ts";
import { onlyChecked } from "../retries.ts";

/** The states in which rejected records stay rejected. */
const ended: readonly BatchState[] = ["completed", "completed_with_errors", "failed", "cancelled"];

const noSuchBatch = (asked: string) =>
  new Problem("not-found", `There is no batch ${JSON.stringify(asked.slice(0, 100))}, which the body would correct.`);

/** The batch that an upload corrects. Undefined: it corrects nothing. Throws not-found, illegal-state. */
export async function correctedBy(ctx: Context<ParamsOf<"imports.create">>): Promise<BatchRow | undefined> {
  const { corrects, clientId, policy } = ctx.params;
  if (corrects === undefined) return undefined;
  return correctable(ctx, { publicId: corrects, clientId }, policy.dataset?.name ?? ownDataset);
}

/** The batch, where a correction of this dataset may be delivered now. Throws not-found, illegal-state. */
export async function correctable(
  ctx: Context,
  { publicId, clientId }: { publicId: string; clientId: number },
  own: string,
): Promise<BatchRow> {
  const batch = await actors.batch.get(ctx, { publicId, clientId }).catch((error: unknown) => {
    throw isProblem(error, "not-found") ? noSuchBatch(publicId) : error;
  });
  const { state: current, dataset } = batch;
  if (!ended.includes(current))
    throw new Problem(
      "illegal-state",
      `The batch ${publicId} is ${current}: only a batch that has ended can be corrected.`,
      {
        current,
      },
    );
  if (batch.phase === "check") throw onlyChecked(batch);
  if (dataset !== own)
    throw new Problem(
      "illegal-state",
      `The batch ${publicId} is of the dataset "${dataset}", and the correction of "${own}".`,
      {
        current,
      },
    );
  return batch;
}
