/** Which outcome an error gives a run, and what the log says of outcomes. */

import type { ServiceBroker } from "moleculer";
import { TableFailure } from "../../database/errors.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import { isProblem } from "../../lib/errors.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { Outcome } from "../batch/batch.outcome.domain.ts";
import { abortedOutcome, isAborted, type Run } from "./batchProcessor.run.ts";
import { waitsForTable } from "./batchProcessor.tries.ts";
import { UnusableSchema } from "./batchProcessor.validators.ts";

type Logger = ServiceBroker["logger"];

/** The outcome for an error that ended the work. An error that nobody expects is logged, and counts as an attempt. */
export function outcomeOf(error: unknown, run: Run, logger: Logger): Outcome {
  const { publicId, nextChunk } = run.batch;
  if (isAborted(run)) return abortedOutcome(run);
  if (error instanceof UnusableSchema) return error.outcome;
  if (error instanceof TableFailure) return waitsForTable(error);
  if (isProblem(error, "unavailable") || isUnavailable(error))
    return { outcome: "lost", detail: "the database is away" };
  logger.error(`Batch ${publicId} failed at chunk ${nextChunk}:`, error);
  return { outcome: "retry", code: "internal", detail: "an internal error" };
}

/** Logs the outcome for operators. */
export function logOutcome(logger: Logger, { publicId, nextChunk, attempt }: BatchRow, outcome: Outcome): void {
  const { detail } = outcome as { detail?: string };
  if (outcome.outcome === "lost") logger.warn(`The run of batch ${publicId} was lost: ${detail}.`);
  else if (outcome.outcome === "retry" || outcome.outcome === "fail")
    logger.warn(`Batch ${publicId}, chunk ${nextChunk}, attempt ${attempt} failed (${outcome.outcome}): ${detail}`);
  else logger.debug(`Batch ${publicId}:`, outcome);
}
