/**
 * The steps of a move that change other tables than the batch's own: queue, place of a group, keys, old errors and
 * attempts.
 */

import { KEPT_AT_ENDS } from "../../services/batch/batch.history.domain.ts";
import type { Move } from "../../services/batch/batch.writes.domain.ts";
import { hasEnded } from "../rows.ts";
import {
  batchAttempt,
  batchWork,
  clientQueue,
  contentKey,
  duplicateCount,
  recordKey,
  staleErrors,
} from "../schema/tables.ts";
import { gather, insert, lock, remove, rowSet, type Step, update, upsert } from "./steps.ts";
import type { Fragments } from "./unit.ts";

/**
 * `rest`: the other batches of the moved batch's group, if it holds the group's place. `heirs`: those still in the
 * group.
 */
const REST = rowSet("rest", batchWork, ["batchId"]);
const HEIRS = rowSet("heirs", batchWork, ["batchId"]);

/**
 * Hands the place of a group on to the next batch of the group. The holder is always the batch with the least id, so only
 * batches with greater ids are left. They are first found without locks, because a search with locks would wait for other
 * groups. Then they are locked, because each of them may be leaving too. A batch that has left meanwhile and was claimed again
 * alone has a row without a group, and is not locked.
 */
const handedOn = [
  gather(batchWork, {
    select: `SELECT w.batch_id FROM batch_work AS w JOIN stand ON w.group_id = stand.group_id
    WHERE stand.place > 0 AND w.batch_id > stand.batch_id`,
    into: REST,
  }),
  lock(batchWork, {
    where: "group_id = (SELECT stand.group_id FROM stand)",
    byKey: { column: "batch_id", of: "rest" },
    into: HEIRS,
  }),
  update(batchWork, { set: "place = 1", where: "batch_id = (SELECT min(heirs.batch_id) FROM heirs)" }),
];
const FREED = "CASE WHEN EXISTS (SELECT 1 FROM heirs) THEN 0 ELSE (SELECT stand.place FROM stand) END";

/** Updates the client's queue: a place is free again if the batch leaves `processing`; a batch waits if it becomes `ready`. */
export function queued({ from, to }: Pick<Move, "from" | "to">, { greatest, least }: Fragments): Step[] {
  const set = [
    ...(from === "processing" ? [`running = ${greatest(`client_queue.running - ${FREED}`, "0")}`] : []),
    ...(to === "ready" ? [`due_at = ${least("coalesce(client_queue.due_at, made.due_at)", "made.due_at")}`] : []),
  ];
  if (set.length === 0) return [];
  return [
    ...(from === "processing" ? handedOn : []),
    update(clientQueue, { set: set.join(", "), from: "made", where: "client_queue.client_id = made.client_id" }),
  ];
}

/** For a batch in `made` that has started over: notes that the errors of its earlier pass must be deleted. */
export const staleStep: Step = insert(staleErrors, {
  values: { batch_id: "made.id", pass: "made.pass - 1", since: ":now" },
  from: "made",
});

/** The changes that a move makes to the records and attempts of its batch. */
export function aftermath({
  to,
  isRestart,
  isFailure,
}: Pick<Move, "to"> & { isRestart: boolean; isFailure: boolean }): Step[] {
  const steps: Step[] = [];
  if (hasEnded(to))
    steps.push(
      remove(recordKey, { where: "batch_id = :id AND expires_at IS NOT NULL AND EXISTS (SELECT 1 FROM made)" }),
    );
  if (isRestart)
    steps.push(staleStep, remove(duplicateCount, { where: "by_id = :id AND EXISTS (SELECT 1 FROM made)" }));
  if (to === "undone")
    steps.push(
      remove(contentKey, {
        where: `client_id = (SELECT made.client_id FROM made) AND batch_id = :id
    AND hash = (SELECT coalesce(b.dedup_hash, b.content_hash) FROM batch AS b WHERE b.id = :id)`,
      }),
    );
  if (isFailure)
    steps.push(
      upsert(batchAttempt, {
        key: ["batch_id", "no"],
        values: {
          batch_id: "made.id",
          no: "made.attempts_total",
          at: ":now",
          node: ":node",
          code: ":code",
          detail: ":detail",
          attempt: "made.attempt",
          chunk: "made.next_chunk",
          to_state: "made.state",
        },
        from: "made",
        update: ["at", "node", "code", "detail", "attempt", "chunk", "to_state"],
      }),
      remove(batchAttempt, {
        where: `batch_id = :id AND no > ${KEPT_AT_ENDS} AND no <= (SELECT made.attempts_total FROM made) - ${KEPT_AT_ENDS}`,
      }),
    );
  return steps;
}
