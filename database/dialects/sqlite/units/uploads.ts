import type { UploadCommit } from "../../../../services/imports/imports.domain.ts";
import { restarted } from "../../../rows.ts";
import {
  batchColumns,
  batchRow,
  dueAt,
  hasEnded,
  insertAudit,
  insertChunks,
  insertOutbox,
  jsonOrNull,
  type RawBatch,
} from "../rows.ts";
import type { Sql } from "../sql.ts";
import { hasWaiting } from "./fairness.ts";
import { isAllowed, writeKeysAndUsage } from "./uploads.checks.ts";

/** The condition that an upload still belongs to its node. A sweep that takes the upload away raises the fence. */
const OURS = "state = 'receiving' AND fence = 0";

const freeWork = (sql: Sql, id: number) => sql.run("DELETE FROM batch_work WHERE batch_id = ?1", id);

/**
 * Commits an upload. Null: nothing was written, because its key, content, quota or order forbids it, or a sweep has
 * taken the upload away.
 */
export function commitUpload(sql: Sql, commit: UploadCommit) {
  const now = sql.now();
  if (!isAllowed(sql, commit, now)) return null;
  const place = commit.order ? placeIn(sql, commit.batch.clientId, commit.order) : undefined;
  if (commit.order && place === undefined) return null;
  const raw = written(sql, commit, now);
  if (!raw) return null;
  if (commit.checked) staleErrors(sql, raw.id, now);
  else if (commit.id !== null) freeWork(sql, commit.id);
  writeKeysAndUsage(sql, commit, raw, now);
  if (commit.order && place !== undefined)
    sql.run(
      "INSERT INTO order_place (client_id, lane, place, batch_id) VALUES (?1, ?2, ?3, ?4)",
      raw.clientId,
      commit.order.lane,
      place,
      raw.id,
    );
  insertChunks(sql, raw.id, commit.chunks);
  sql.run(
    `INSERT INTO client_queue (client_id, running, pass, cap, weight) VALUES (?1, 0, 0, ?2, ?3)
     ON CONFLICT (client_id) DO NOTHING`,
    commit.batch.clientId,
    commit.queue.cap,
    commit.queue.weight,
  );
  if (commit.audit) insertAudit(sql, commit.audit, now);
  if (commit.state === "ready") hasWaiting(sql, raw.clientId, raw.dueAt);
  return { batch: batchRow(raw), outbox: insertOutbox(sql, commit.events, now, raw) };
}

function written(sql: Sql, commit: UploadCommit, now: number): RawBatch | undefined {
  const { id, checked } = commit;
  if (id === null) return insertWhole(sql, commit, now);
  return checked ? startOver(sql, id, checked.version, commit, now) : finish(sql, id, commit, now);
}

/** Marks the errors of the batch's previous pass for deletion. */
const staleErrors = (sql: Sql, id: number, now: number) =>
  sql.run("INSERT INTO stale_errors (batch_id, pass, since) SELECT id, pass - 1, ?2 FROM batch WHERE id = ?1", id, now);

/**
 * Starts the import of a batch that was only checked. Undefined: the batch has changed since it was read, or its body
 * is being deleted. The batch keeps what its upload said of it.
 */
function startOver(sql: Sql, id: number, version: number, commit: UploadCommit, now: number): RawBatch | undefined {
  const { state, due, reason, phase, dedup, isIntoTable, batch } = commit;
  return sql.get<RawBatch>(
    `UPDATE batch SET state = ?1, due_at = ?2, reason = ?3, phase = ?4, ready_at = ?5, finished_at = NULL, dedup_hash = ?6,
       created = ?7, updated = ?7, deleted = ?7, policy_version = ?8, committed_at = ?9, rejected_before = NULL, pass = pass + 1,
       ${restarted.map((name) => `${name} = 0`).join(", ")}, attempt = 0, version = version + 1
     WHERE id = ?10 AND state = 'validated' AND version = ?11 AND chunks > 0 AND due_at > ?9 RETURNING ${batchColumns}`,
    state,
    dueAt(due, now),
    jsonOrNull(reason),
    phase,
    state === "ready" ? now : null,
    dedup?.hash ? Buffer.from(dedup.hash, "hex") : null,
    isIntoTable ? 0 : null,
    batch.policyVersion,
    now,
    id,
    version,
  );
}

/** Takes the next place of the lane. Undefined: the lane has assigned another place since it was read. */
function placeIn(sql: Sql, clientId: number, { lane, places }: NonNullable<UploadCommit["order"]>): number | undefined {
  return sql.get<{ places: number }>(
    `INSERT INTO order_lane (client_id, lane, places) VALUES (?1, ?2, 1)
     ON CONFLICT (client_id, lane) DO UPDATE SET places = places + 1 WHERE ?3 IS NULL OR places = ?3 RETURNING places`,
    clientId,
    lane,
    places,
  )?.places;
}

/**
 * The values that an upload's commit writes both to a new row and to a receiving row: state, due_at, reason, phase,
 * totals and times.
 */
function outcome(
  { state, due, reason, phase, totals, dedup, parent, corrects, isIntoTable }: UploadCommit,
  now: number,
) {
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
    dedup?.hash ? Buffer.from(dedup.hash, "hex") : null,
    isIntoTable ? 0 : null,
    corrects ?? null,
  ] as const;
}

function insertWhole(sql: Sql, commit: UploadCommit, now: number): RawBatch | undefined {
  const { publicId, clientId, policyVersion, dataset, format, requestId, trace } = commit.batch;
  return sql.get<RawBatch>(
    `INSERT INTO batch (state, due_at, reason, phase, bytes, records, chunks, content_hash, envelope, ready_at, finished_at,
       parent_id, retry_of, dedup_hash, created, updated, deleted, corrects, public_id, client_id, policy_version, dataset, format, request_id, trace,
       created_at, next_chunk, accepted, rejected, duplicate, fence, attempt, attempts_total, version)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
       0, 0, 0, 0, 0, 0, 0, 1)
     RETURNING ${batchColumns}`,
    ...outcome(commit, now),
    publicId,
    clientId,
    policyVersion,
    dataset,
    format,
    requestId,
    trace,
    now,
  );
}

function finish(sql: Sql, id: number, commit: UploadCommit, now: number): RawBatch | undefined {
  return sql.get<RawBatch>(
    `UPDATE batch SET state = ?1, due_at = ?2, reason = ?3, phase = ?4, bytes = ?5, records = ?6, chunks = ?7,
       content_hash = ?8, envelope = ?9, ready_at = ?10, finished_at = ?11, parent_id = ?12, retry_of = ?13, dedup_hash = ?14,
       created = ?15, updated = ?15, deleted = ?15, corrects = ?16, version = version + 1
     WHERE id = ?17 AND ${OURS} RETURNING ${batchColumns}`,
    ...outcome(commit, now),
    id,
  );
}
