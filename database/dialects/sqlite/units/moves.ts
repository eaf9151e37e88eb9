import { dueOf, LIVE, movingColumns } from "../../../rows.ts";
import type { Move } from "../../../store.ts";
import { batchColumns, batchRow, dueAt, hasEnded, insertOutbox, jsonOrNull, type RawBatch } from "../rows.ts";
import type { Sql } from "../sql.ts";
import { keepAttempt } from "./attempts.ts";
import { hasWaiting } from "./fairness.ts";
import { beginAnew } from "./stale.ts";
import { freeSlot } from "./work.ts";

export function move(sql: Sql, move: Move) {
  const now = sql.now();
  const place = move.from === "processing" ? takeWork(sql, move, now) : 0;
  if (place === null) return null;
  const raw = update(sql, move, now);
  if (!raw) return null;
  freeSlot(sql, raw.clientId, place);
  if (move.to === "ready") hasWaiting(sql, raw.clientId, raw.dueAt);
  if (move.restart) beginAnew(sql, move.id, now);
  if (move.failed) keepAttempt(sql, raw, move.failed, now);
  if (hasEnded(move.to)) sql.run("DELETE FROM record_key WHERE batch_id = ?1 AND expires_at IS NOT NULL", move.id);
  return { batch: batchRow(raw), outbox: insertOutbox(sql, move.events, now, raw) };
}

/**
 * A batch is taken from its worker, if the conditions hold: it stands where its row of `batch_work` did, which goes. One that
 * was claimed before that table was there has none. Answers what the batch had of its client's places; null: a condition did
 * not hold.
 */
function takeWork(sql: Sql, { id, version, fence, onlyDue }: Move, now: number): number | null {
  const row = sql.get<{ isWork: number; place: number }>(
    `SELECT w.batch_id IS NOT NULL AS isWork, coalesce(w.place, 1) AS place FROM ${LIVE} WHERE batch.id = ?1 AND batch.state = 'processing'
       AND (?2 IS NULL OR coalesce(w.version, batch.version) = ?2) AND (?3 IS NULL OR batch.fence = ?3)
       AND (NOT ?4 OR ${dueOf("processing")} <= ?5)`,
    id,
    version ?? null,
    fence ?? null,
    onlyDue ? 1 : 0,
    now,
  );
  if (!row) return null;
  if (row.isWork) sql.run(STAND, id);
  sql.run("DELETE FROM batch_work WHERE batch_id = ?1", id);
  return row.place;
}

const moving = movingColumns.join(", ");
const STAND = `UPDATE batch SET (${moving}) = (SELECT ${moving} FROM batch_work w WHERE w.batch_id = batch.id) WHERE id = ?1`;

const restarted = "next_chunk = 0, accepted = 0, rejected = 0, duplicate = 0, faults = 0, unlisted = 0";
const attempts = {
  keep: "",
  reset: ", attempt = 0",
  uncount: ", attempt = max(attempt - 1, 0), attempts_total = max(attempts_total - 1, 0)",
};

function update(sql: Sql, move: Move, now: number): RawBatch | undefined {
  // `ready_at` is when the batch joined the queue: a hand-back from `processing`, or the end of a wait there, does not change it.
  return sql.get<RawBatch>(
    `UPDATE batch SET state = ?2, due_at = ?3, reason = ?4, finished_at = ?5, version = version + 1,
       fence = fence + CASE WHEN state = 'processing' THEN 1 ELSE 0 END, owner = NULL,
       ready_at = CASE WHEN ?2 = 'ready' AND state NOT IN ('processing', 'ready') THEN ?6 ELSE ready_at END,
       phase = coalesce(?7, phase)${attempts[move.attempt]}${move.restart ? `, ${restarted}` : ""}
     WHERE id = ?1 AND state = ?8 AND (?9 IS NULL OR version = ?9) AND (?10 IS NULL OR fence = ?10)
       AND (NOT ?11 OR due_at <= ?6)
     RETURNING ${batchColumns}`,
    move.id,
    move.to,
    dueAt(move.due, now),
    jsonOrNull(move.reason),
    hasEnded(move.to) ? now : null,
    now,
    move.restart ?? null,
    move.from,
    // Of a batch that is taken from its worker these were looked at in `batch_work`.
    move.from === "processing" ? null : (move.version ?? null),
    move.fence ?? null,
    move.from !== "processing" && move.onlyDue ? 1 : 0,
  );
}

/** Nobody has a batch or an upload any more. A lease from before `batch_work` was there is in `batch`. */
export function voidLeases(sql: Sql): void {
  const now = sql.now();
  sql.run("UPDATE batch_work SET due_at = min(due_at, ?1)", now);
  sql.run("UPDATE batch SET due_at = min(due_at, ?1) WHERE state IN ('processing', 'receiving')", now);
}
