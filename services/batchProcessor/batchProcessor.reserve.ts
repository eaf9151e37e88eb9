/** Reserves unique keys, or looks them up, before the records of a chunk are delivered. */
import { type BatchRow, isCheckOnly } from "../batch/batch.domain.ts";
import { withoutCorrected } from "./batchProcessor.corrections.ts";
import { builtInHandler } from "./batchProcessor.handlers.ts";
import { handBack, type Run } from "./batchProcessor.run.ts";
import type { Step } from "./batchProcessor.tools.ts";
import { type Checked, keysOfCheck, withoutTaken } from "./batchProcessor.unique.ts";

/** With a custom handler, a record's key must be reserved before the record is delivered. */
export const reserve: Step = async (tools, run) => {
  const { work } = tools;
  if (isCheckOnly(run.batch.phase)) return lookForKeys(tools, run);
  const { batch } = run;
  const isCorrection = batch.envelope.corrects !== undefined && batch.phase === "deliver";
  const marks = isCorrection ? [...(run.chunk?.marks.values() ?? [])] : [];
  const keys = [...keysIn(run), ...marks];
  if (keys.length === 0 || (run.policy.handler === builtInHandler && !isCorrection)) return;
  const { id, fence, nextChunk } = batch;
  const taken = await work().reserveKeys(id, fence, nextChunk, keys);
  // The batch is lost. `batch` notices that when the batch is handed back, and counts it.
  if (!taken) run.outcome = handBack;
  else run.chunk = refusingCorrected(withUntaken(run.chunk as Checked, taken), batch, taken);
};

/** The unique keys of rejected records stay in the chunk, so that the commit releases them. */
const refusingCorrected = (checked: Checked, batch: BatchRow, taken: string[]): Checked => ({
  ...withoutCorrected(checked, batch, taken),
  keyed: checked.keyed,
});

const withUntaken = (checked: Checked, taken: string[]): Checked =>
  checked.keyed ? withoutTaken(checked, taken) : checked;

/**
 * In a check, a record whose key another batch has is a duplicate, and its key is not reserved. The check reserves separate keys, so
 * that it also finds records that are duplicates of earlier ones in the same body.
 */
const lookForKeys: Step = async ({ work }, run) => {
  const { id, clientId, publicId, fence, nextChunk } = run.batch;
  const marks = [...(run.chunk?.marks.values() ?? [])];
  if (run.chunk && marks.length > 0)
    run.chunk = withoutCorrected(run.chunk, run.batch, await work().takenKeys(clientId, marks));
  const keys = keysIn(run);
  if (keys.length === 0) return;
  run.chunk = withoutTaken(run.chunk as Checked, await work().takenKeys(clientId, keys));
  const own = keysOfCheck(publicId, keysIn(run));
  const repeated = await work().reserveKeys(id, fence, nextChunk, [...own.keys()]);
  if (!repeated) run.outcome = handBack;
  else
    run.chunk = withoutTaken(
      run.chunk,
      repeated.flatMap((key) => own.get(key) ?? []),
    );
};

const keysIn = ({ chunk }: Run): string[] => chunk?.keyed?.keys.filter((key) => key !== null) ?? [];
