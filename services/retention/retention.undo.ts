/** Takes back what a batch has delivered, piece after piece, and then the batch is `undone`. */

import type { BatchStore } from "../../database/store.ts";
import { recordKey, scopeDigits } from "../../formats/check/record-keys.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { Removal } from "../batch/batch.reads.domain.ts";
import type { PinnedPolicy } from "../batches.ts";
import { orWaits, type TakeBack } from "../takeBack.ts";

/** A few ms of deleting, and fewer rows than SQL Server locks one by one. */
const RECORDS_AT_ONCE = 2_000;
const MOST_BYTES = 1024 * 1024;

export interface UndoParts {
  store: Pick<BatchStore, "records" | "undoRecords">;
  policyOf(batch: BatchRow): Promise<PinnedPolicy>;
  /** What it has delivered elsewhere. Throws TableFailure and DatabaseUnavailable. */
  takeBackOf(policy: PinnedPolicy["policy"], batch: BatchRow): Promise<TakeBack | { fault: string }>;
  /** It cannot go on now. */
  wait(batch: BatchRow, waits: string): Promise<void>;
  /** undoing → undone. */
  finish(batch: BatchRow): Promise<unknown>;
}

/**
 * Makes the pieces of one batch. Its unique keys are computed from its records, so they go together: what a piece has not deleted
 * still has its record. How far it is, only this turn knows: a later one looks at the deleted numbers once more.
 */
export function undoing(parts: UndoParts, batch: BatchRow): () => Promise<Removal> {
  let after = 0;
  let elsewhere: TakeBack | { fault: string } | null = null;
  /** What lies elsewhere goes first: while it waits, everything of it is still known here. */
  const pieceElsewhere = (policy: PinnedPolicy["policy"]) =>
    orWaits(async () => {
      elsewhere ??= await parts.takeBackOf(policy, batch);
      return "fault" in elsewhere ? { waits: elsewhere.fault } : elsewhere.piece();
    });
  let isLeft = true;
  return async () => {
    const { policy, scope } = await parts.policyOf(batch);
    if (isLeft) {
      const end = await pieceElsewhere(policy);
      if (end === "more") return end;
      if (end !== "done") {
        await parts.wait(batch, end.waits);
        return "busy";
      }
      isLeft = false;
    }
    const next = policy.uniqueKey === null ? nextNumbers(after) : await nextRecords(parts, batch, after);
    const keys = policy.uniqueKey === null ? [] : keysOf(next.texts, [policy.uniqueKey].flat(), scope);
    const upTo = next.upTo ?? batch.records;
    if (!(await parts.store.undoRecords(batch.id, upTo, keys))) return "busy";
    after = upTo;
    if (after < batch.records) return "more";
    await parts.finish(batch);
    return "done";
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
