/** Maps errors to outcomes of a run, and logs outcomes. */

import { TableFailure } from "../../database/errors.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import { isProblem } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log/fields.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { Outcome } from "../batch/batch.outcome.domain.ts";
import { abortedOutcome, isAborted, type Run } from "./batchProcessor.run.ts";
import { waitsForTable } from "./batchProcessor.tries.ts";
import { UnusableSchema } from "./batchProcessor.validators.ts";

/**
 * The outcome of a run that an error has ended. An unexpected error is logged, and counts as an attempt. `logger`: the batch's logger.
 */
export function outcomeOf(error: unknown, run: Run, logger: Logger): Outcome {
  if (isAborted(run)) return abortedOutcome(run);
  if (error instanceof UnusableSchema) return error.outcome;
  if (error instanceof TableFailure) return waitsForTable(error);
  if (isProblem(error, "unavailable") || isUnavailable(error))
    return { outcome: "lost", detail: "the database is away" };
  logger.error(`Batch failed at chunk ${run.batch.nextChunk}:`, error);
  return { outcome: "retry", code: "internal", detail: "an internal error" };
}

/** Logs the outcome for operators. `logger`: the batch's logger. */
export function logOutcome(logger: Logger, { nextChunk, attempt }: BatchRow, outcome: Outcome): void {
  const { detail } = outcome as { detail?: string };
  if (outcome.outcome === "lost") logger.warn(`The run of the batch was lost: ${detail}.`);
  else if (outcome.outcome === "retry" || outcome.outcome === "fail")
    logger.warn(`Chunk ${nextChunk}, attempt ${attempt} failed (${outcome.outcome}): ${detail}`);
  else logger.debug("The run has ended:", outcome);
}
