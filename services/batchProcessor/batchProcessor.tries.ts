/** Commits a chunk with rows of a table, and tries again while the table is busy. */
import { setTimeout as pause } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import { TableFailure } from "../../database/errors.ts";
import { actors } from "../actors.ts";
import type { WorkerCommit } from "../batch/batch.contract.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { Outcome } from "../batch/batch.outcome.domain.ts";
import { isAborted, type Run } from "./batchProcessor.run.ts";
import type { TablePlans } from "./batchProcessor.tables.ts";

/** How often a chunk is tried as a whole, because a deadlock passes soon. A batch that is cancelled is not tried again. */
const WHOLE_TRIES = 3;
/**
 * How often the chunk is then tried in pieces. Each piece has the full statement timeout, for a slow trigger or a table without an
 * index.
 */
const PIECE_TRIES = 2;
const PIECES = 10;
/** A lock was waited for, or a statement ran, for seconds: the next try is in pieces. 55P03, 57014 of PostgreSQL. */
const SLOW = new Set(["55P03", "57014"]);
/** The batch then waits for the lock without a slot of the worker, because other batches need the slot. */
const LOCKED = "55P03";
const LOCKED_TRIES = 2;
const PAUSE_MS = 100;

/** How long a batch waits for its table. */
const WAIT_MS = 5_000;

interface Tools {
  broker: ServiceBroker;
  tables: TablePlans;
  isStopping(): boolean;
}

/** Commits as `batch.commitChunk` does. Throws TableFailure once the table has failed too often, or is missing. */
export async function commitRows(
  tools: Tools,
  run: Run,
  batch: BatchRow,
  whole: WorkerCommit,
): Promise<BatchRow | null> {
  let commit = whole;
  let mostTries = WHOLE_TRIES + PIECE_TRIES;
  // No limit for the call: the database bounds each statement, and a try may take several.
  for (let tries = 1; ; tries++) {
    try {
      return await actors.batch.commitChunk(tools.broker, { batch, commit }, { timeout: 0 });
    } catch (error) {
      if (!(error instanceof TableFailure)) throw error;
      if (error.kind === "gone") tools.tables.drop(batch);
      if (error.state === LOCKED) mostTries = LOCKED_TRIES;
      const isLast = error.kind === "gone" || tries >= mostTries;
      if (isLast || isAborted(run) || tools.isStopping()) throw error;
      if (tries >= WHOLE_TRIES || SLOW.has(error.state)) commit = inPieces(whole);
      await pause(PAUSE_MS * tries * (0.5 + Math.random()));
    }
  }
}

function inPieces(commit: WorkerCommit): WorkerCommit {
  const { table } = commit;
  return table ? { ...commit, table: { ...table, pieceRows: Math.ceil(table.rows.length / PIECES) } } : commit;
}

/** The batch waits for its table, as it would for an absent handler. */
export const waitsForTable = ({ message }: TableFailure): Outcome => ({
  outcome: "snooze",
  detail: message,
  waits: message,
  delayMs: WAIT_MS,
});
