/** The hot units of a worker: claim a batch, and commit it chunk by chunk. */

import { storedFaults } from "../../../../formats/check/fault-bounds.ts";
import type { RowCounts } from "../../../../services/batch/batch.table.domain.ts";
import type { ChunkCommit } from "../../../../services/batch/batch.writes.domain.ts";
import { LIVE, PASS, workColumns } from "../../../rows.ts";
import {
  batchColumns,
  batchRow,
  dueAt,
  hasEnded,
  insertOutbox,
  jsonOrNull,
  liveColumns,
  type RawBatch,
  readChunk,
} from "../rows.ts";
import type { Sql } from "../sql.ts";
import { addGroups } from "./groups.ts";
import { type Held, heldBy, settleReservations } from "./keys.ts";
import { insertErrors, insertRecords } from "./records.ts";

export function claim(sql: Sql, id: number, owner: string, leaseMs: number) {
  const now = sql.now();
  const clientId = sql.get<{ clientId: number }>(
    "SELECT client_id AS clientId FROM batch WHERE id = ?1 AND state = 'ready' AND due_at <= ?2",
    id,
    now,
  )?.clientId;
  return clientId !== undefined && takeSlot(sql, clientId, 1)
    ? taken(sql, id, { owner, now, leaseMs, place: 1, groupId: null })
    : null;
}

interface Taking {
  owner: string;
  now: number;
  leaseMs: number;
  /** 1 if the batch takes a place of its client, 0 if another batch of its group does. */
  place: 0 | 1;
  groupId: number | null;
}

/** Gives a ready batch to the worker `owner`. The caller has checked that the client has a free place. */
export function taken(sql: Sql, id: number, { owner, now, leaseMs, place, groupId }: Taking) {
  const raw = sql.get<RawBatch>(
    `UPDATE batch SET state = 'processing', owner = ?2, fence = fence + 1, due_at = NULL, attempt = attempt + 1,
       attempts_total = attempts_total + 1, started_at = coalesce(started_at, ?3), version = version + 1
     WHERE id = ?1 RETURNING ${batchColumns}`,
    id,
    owner,
    now,
  ) as RawBatch;
  giveWork(sql, id, now + leaseMs, { place, groupId });
  return { batch: batchRow({ ...raw, dueAt: now + leaseMs }), chunk: readChunk(sql, id, raw.nextChunk) };
}

/**
 * Inserts the batch's row of `batch_work`, which holds the moving columns while the batch runs. Replaces a row that an
 * operator's SQL has left over.
 */
export function giveWork(
  sql: Sql,
  id: number,
  until: number,
  { place, groupId }: Pick<Taking, "place" | "groupId">,
): void {
  sql.run(
    `INSERT OR REPLACE INTO batch_work (${workColumns.join(", ")})
     SELECT ${workColumns.map((column) => ({ batch_id: "id", due_at: "?2", place: "?3", group_id: "?4" })[column as string] ?? column).join(", ")}
     FROM batch WHERE id = ?1`,
    id,
    until,
    place,
    groupId,
  );
}

/**
 * Takes a place of the client, by stride scheduling: each turn moves the client's `pass` on by 1000/weight. A client
 * that was idle or at its cap is lifted to the greatest pass at which any client began a claim (`began`, read from its
 * index). So the client gets its share from now on, and no credit for the past. A client that waits in turn is at that
 * pass already, and is not lifted. Lifting to the least pass of the OTHER waiting clients would be wrong: it would lift
 * every client at every claim, and all would take turns whatever their weights. `turns`: for how many turns this claim
 * counts.
 */
export function takeSlot(sql: Sql, clientId: number, turns: number): boolean {
  const taken = sql.run(
    `UPDATE client_queue SET running = running + 1,
       pass = max(pass, (SELECT max(began) FROM client_queue)) + ?2 * 1000.0 / weight,
       began = max(pass, (SELECT max(began) FROM client_queue))
     WHERE client_id = ?1 AND running < cap AND paused_at IS NULL`,
    clientId,
    turns,
  );
  return taken === 1;
}

export function commitChunk(sql: Sql, commit: ChunkCommit) {
  const held = heldBy(sql, commit.id, commit.fence, commit.chunk);
  if (!held) return null;
  const missed = insertRecords(sql, commit, held.clientId);
  settleReservations(sql, commit, held.clientId);
  insertErrors(sql, commit, held.pass * PASS + commit.firstRecord);
  addGroups(sql, commit, held.pass);
  if (commit.end?.purge) sql.run("DELETE FROM batch_chunk WHERE batch_id = ?1", commit.id);
  const now = sql.now();
  const moved = movedBy(commit, held, missed);
  const raw = commit.end ? ended(sql, commit, commit.end, moved, now) : advanced(sql, commit, moved, now);
  if (commit.end) leavePlace(sql, commit.id, held);
  return { batch: batchRow(raw), outbox: insertOutbox(sql, commit.end?.events ?? [], now, raw) };
}

/**
 * The new values of the moving columns after a commit. `attempt` is 1, because this run is the first attempt at the
 * next chunk.
 */
const movedBy = (commit: ChunkCommit, held: Held, missed: number) => ({
  next_chunk: commit.next.chunk,
  phase: commit.next.phase,
  accepted: held.accepted + commit.counts.accepted - missed,
  rejected: held.rejected + commit.counts.rejected,
  duplicate: held.duplicate + commit.counts.duplicate + missed,
  faults: held.faults + storedFaults(commit),
  unlisted: held.unlisted + commit.unlisted.length,
  attempt: 1,
  version: held.version + 1,
  ...rowsMoved(commit.counts.rows, held),
});

/** The counts of table rows after a commit. They stay NULL for a batch that goes into no table. */
const rowsMoved = (rows: RowCounts | undefined, held: Held) => ({
  created: rows ? (held.created ?? 0) + rows.created : held.created,
  updated: rows ? (held.updated ?? 0) + rows.updated : held.updated,
  deleted: rows ? (held.deleted ?? 0) + rows.deleted : held.deleted,
});
type Moved = ReturnType<typeof movedBy>;

const MOVED = `next_chunk = ?2, phase = ?3, accepted = ?4, rejected = ?5, duplicate = ?6, faults = ?7, unlisted = ?8, attempt = ?9,
       version = ?10, created = ?11, updated = ?12, deleted = ?13`;

function advanced(sql: Sql, { id, leaseMs }: ChunkCommit, moved: Moved, now: number): RawBatch {
  sql.run(
    `UPDATE batch_work SET ${MOVED}, due_at = ?14 WHERE batch_id = ?1`,
    id,
    ...Object.values(moved),
    now + leaseMs,
  );
  return sql.get<RawBatch>(`SELECT ${liveColumns} FROM ${LIVE} WHERE batch.id = ?1`, id) as RawBatch;
}

/** Ends a run: deletes the row of `batch_work`, and writes its columns to `batch`. */
function ended(
  sql: Sql,
  { id }: ChunkCommit,
  end: NonNullable<ChunkCommit["end"]>,
  moved: Moved,
  now: number,
): RawBatch {
  sql.run("DELETE FROM batch_work WHERE batch_id = ?1", id);
  return sql.get<RawBatch>(
    `UPDATE batch SET ${MOVED}, due_at = ?14, state = ?15, reason = ?16, owner = NULL, finished_at = ?17,
       chunks = CASE WHEN ?18 THEN 0 ELSE chunks END
     WHERE id = ?1 RETURNING ${batchColumns}`,
    id,
    ...Object.values(moved),
    dueAt(end.due, now),
    end.state,
    jsonOrNull(end.reason),
    hasEnded(end.state) ? now : null,
    end.purge ? 1 : 0,
  ) as RawBatch;
}

/** Hands the place of a batch on to the next batch of its group (see moves.ts), or frees the place. */
function leavePlace(sql: Sql, id: number, { clientId, place, groupId }: Held): void {
  if (place === 0) return;
  const next = "SELECT min(batch_id) FROM batch_work WHERE batch_id > ?1 AND group_id = ?2";
  const isHandedOn = sql.run(`UPDATE batch_work SET place = 1 WHERE batch_id = (${next})`, id, groupId) === 1;
  if (!isHandedOn) sql.run("UPDATE client_queue SET running = max(running - 1, 0) WHERE client_id = ?1", clientId);
}
