/** Which batches can have their rejected records sent again as a new batch. */
import { Problem } from "../lib/errors.ts";
import { type BatchRow, isFinal } from "./batch/batch.domain.ts";

const refused = ({ state: current }: BatchRow, detail: string) => new Problem("illegal-state", detail, { current });

/** Whether a batch was only checked. It has delivered nothing, so its records do not count as rejected. */
export const onlyChecked = (batch: BatchRow) =>
  refused(
    batch,
    `The batch ${batch.publicId} was only checked: nothing of it was delivered. Correct the file and send the whole of it again.`,
  );

/** Throws illegal-state if the batch has not ended, has no rejected records, or not all of them are kept. */
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
