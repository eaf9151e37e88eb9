import type { UploadCommit } from "../../../store.ts";
import {
  batchColumns,
  batchRow,
  dueAt,
  hasEnded,
  insertChunks,
  insertOutbox,
  jsonOrNull,
  type RawBatch,
} from "../rows.ts";
import type { Sql } from "../sql.ts";
import { hasWaiting } from "./fairness.ts";
import { isFree, keepRepeats } from "./repeats.ts";

/** An upload belongs to its node as long as it is this; taking it away raises the fence. */
const OURS = "state = 'receiving' AND fence = 0";

const freeWork = (sql: Sql, id: number) => sql.run("DELETE FROM batch_work WHERE batch_id = ?1", id);

/** Null: something stands in its way, and nothing was written. */
export function commitUpload(sql: Sql, commit: UploadCommit) {
  const now = sql.now();
  if (!isFree(sql, commit, now)) return null;
  const raw = commit.id === null ? insertWhole(sql, commit, now) : finish(sql, commit.id, commit, now);
  if (!raw) return null;
  if (commit.id !== null) freeWork(sql, commit.id);
  keepRepeats(sql, commit, raw, now);
  insertChunks(sql, raw.id, commit.chunks);
  sql.run(
    `INSERT INTO client_queue (client_id, running, pass, cap, weight) VALUES (?1, 0, 0, ?2, ?3)
     ON CONFLICT (client_id) DO NOTHING`,
    commit.batch.clientId,
    commit.queue.cap,
    commit.queue.weight,
  );
  if (commit.state === "ready") hasWaiting(sql, raw.clientId, raw.dueAt);
  return { batch: batchRow(raw), outbox: insertOutbox(sql, commit.events, now, raw) };
}

/** What both ways into the table set: state, due_at, reason, phase, totals and times. */
function outcome({ state, due, reason, phase, totals, parent }: UploadCommit, now: number) {
  return [
    state,
    dueAt(due, now),
    jsonOrNull(reason),
    phase,
    totals.bytes,
    totals.records,
    totals.chunks,
    Buffer.from(totals.contentHash, "hex"),
    JSON.stringify(totals.envelope),
    state === "ready" ? now : null,
    hasEnded(state) ? now : null,
    parent?.id ?? null,
    parent?.publicId ?? null,
  ] as const;
}

function insertWhole(sql: Sql, commit: UploadCommit, now: number): RawBatch | undefined {
  const { publicId, clientId, policyVersion, format, requestId } = commit.batch;
  return sql.get<RawBatch>(
    `INSERT INTO batch (state, due_at, reason, phase, bytes, records, chunks, content_hash, envelope, ready_at, finished_at,
       parent_id, retry_of, public_id, client_id, policy_version, format, request_id, created_at,
       next_chunk, accepted, rejected, duplicate, fence, attempt, attempts_total, version)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, 0, 0, 0, 0, 0, 0, 0, 1)
     RETURNING ${batchColumns}`,
    ...outcome(commit, now),
    publicId,
    clientId,
    policyVersion,
    format,
    requestId,
    now,
  );
}

function finish(sql: Sql, id: number, commit: UploadCommit, now: number): RawBatch | undefined {
  return sql.get<RawBatch>(
    `UPDATE batch SET state = ?1, due_at = ?2, reason = ?3, phase = ?4, bytes = ?5, records = ?6, chunks = ?7,
       content_hash = ?8, envelope = ?9, ready_at = ?10, finished_at = ?11, parent_id = ?12, retry_of = ?13, version = version + 1
     WHERE id = ?14 AND ${OURS} RETURNING ${batchColumns}`,
    ...outcome(commit, now),
    id,
  );
}
