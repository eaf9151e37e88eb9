/** Takes back what a batch has delivered, piece by piece. Then the batch is `undone`. */

import type { BatchStore } from "../../database/store.ts";
import { keyRange, marksScope, recordKey, scopeDigits } from "../../formats/check/record-keys.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { Removal } from "../batch/batch.reads.domain.ts";
import type { PinnedPolicy } from "../batches.ts";
import { orWaits, type TakeBack } from "../takeBack.ts";
import type { UndoCalls } from "./retention.calls.ts";

/** Records of a piece: a few ms of deleting, and few enough that SQL Server locks rows, not the table. */
const RECORDS_AT_ONCE = 2_000;
const MOST_BYTES = 1024 * 1024;

export interface UndoParts {
  store: Pick<BatchStore, "batch" | "records" | "undoRecords" | "undoMarks">;
  policyOf(batch: BatchRow): Promise<PinnedPolicy>;
  /**
   * How to undo what the batch has delivered to a table or a handler, or why that cannot be done. Throws TableFailure and
   * DatabaseUnavailable.
   */
  takeBackOf(policy: PinnedPolicy["policy"], batch: BatchRow): Promise<TakeBack | { fault: string }>;
  /** Calls of handlers. They run beside the rounds, so a slow handler holds up no round. */
  calls: Pick<UndoCalls, "begin">;
  /** The undo cannot continue now; `waits` says why. */
  wait(batch: BatchRow, waits: string): Promise<void>;
  /** undoing → undone. */
  finish(batch: BatchRow): Promise<unknown>;
}

type Piece = () => Promise<Removal>;

/**
 * Makes the pieces of one batch. What lies elsewhere goes first: while it waits, everything of it is still known here. How far a
 * step is, only this turn knows: a later one looks at the deleted numbers once more.
 */
export function undoing(parts: UndoParts, batch: BatchRow): Piece {
  const steps = [elsewhere(parts, batch), records(parts, batch), marks(parts, batch)];
  return async () => {
    const [step] = steps;
    const end = step ? await step() : "done";
    if (end !== "done") return end;
    steps.shift();
    if (steps.length > 0) return "more";
    await parts.finish(batch);
    return "done";
  };
}

/** Begins the call of the handler that takes the batch back. The later steps follow the call. */
function elsewhere(parts: UndoParts, batch: BatchRow): Piece {
  let found: TakeBack | { fault: string } | null = null;
  return async () => {
    const end = await orWaits(async () => {
      found ??= await parts.takeBackOf((await parts.policyOf(batch)).policy, batch);
      return "fault" in found ? { waits: found.fault } : "call" in found ? "call" : found.piece();
    });
    if (typeof end === "object") {
      await parts.wait(batch, end.waits);
      return "busy";
    }
    if (end !== "call") return end;
    await parts.calls.begin(batch, found as Extract<TakeBack, { timeoutMs: number }>, afterCall(parts, batch));
    return "busy";
  };
}

/** DataFlow does not store what a handler was given, so only the marks of corrections are left to delete. */
function afterCall(parts: UndoParts, batch: BatchRow): Piece {
  const piece = marks(parts, batch);
  return async () => {
    const end = await piece();
    if (end === "done") await parts.finish(batch);
    return end;
  };
}

/** Deletes records together with their unique keys, because the keys are computed from the records. */
function records(parts: UndoParts, batch: BatchRow): Piece {
  let after = 0;
  return async () => {
    const { policy, scope } = await parts.policyOf(batch);
    const next = policy.uniqueKey === null ? nextNumbers(after) : await nextRecords(parts, batch, after);
    const keys = policy.uniqueKey === null ? [] : keysOf(next.texts, [policy.uniqueKey].flat(), scope);
    const upTo = next.upTo ?? batch.records;
    if (!(await parts.store.undoRecords(batch.id, upTo, keys))) return "busy";
    after = upTo;
    return after < batch.records ? "more" : "done";
  };
}

/**
 * Deletes the correction's marks, so that the records can be corrected again. It comes last: before it, a new correction would
 * be a duplicate.
 */
function marks({ store }: UndoParts, { id, publicId }: BatchRow): Piece {
  let at: { first: number; after: string; to: string } | null = null;
  return async () => {
    // A list of batches has no envelopes.
    const corrects = at ? undefined : (await store.batch(publicId, null))?.envelope.corrects;
    if (corrects) {
      const { from, to } = keyRange(marksScope(corrects));
      at = { first: corrects.first, after: from, to };
    }
    if (!at) return "done";
    const piece = await store.undoMarks(id, at.first, at, RECORDS_AT_ONCE);
    if (!piece) return "busy";
    if (piece.last === null) return "done";
    at.after = piece.last;
    return "more";
  };
}

interface Next {
  texts: string[];
  /** The number of the last record. Undefined: there are no more. */
  upTo: number | undefined;
}

const nextNumbers = (after: number): Next => ({ texts: [], upTo: after + RECORDS_AT_ONCE });

async function nextRecords({ store }: UndoParts, { id }: BatchRow, after: number): Promise<Next> {
  const page = await store.records(id, after, RECORDS_AT_ONCE, MOST_BYTES);
  return { texts: page.map(({ data }) => data), upTo: page.at(-1)?.seq };
}

function keysOf(texts: string[], fields: string[], scope: string | undefined): string[] {
  const start = scope === undefined ? "" : scopeDigits(scope);
  return texts.flatMap((text) => {
    const key = recordKey(text, fields);
    return key === null ? [] : [start + key];
  });
}
