/** What a worker does: claim, commit chunk by chunk, keep its leases. */
import type { RejectedRecord } from "../../../../formats/formats.ts";
import { PASS, placesWithout } from "../../../rows.ts";
import { type ChunkCommit, storedFaults } from "../../../store.ts";
import {
  batchColumns,
  batchRow,
  dueAt,
  hasEnded,
  insertOutbox,
  jsonOrNull,
  type RawBatch,
  readChunk,
} from "../rows.ts";
import type { Sql } from "../sql.ts";
import { heldBy, settleReservations, takeKeys } from "./keys.ts";

export function claim(sql: Sql, id: number, owner: string, leaseMs: number) {
  const now = sql.now();
  const clientId = sql.get<{ clientId: number }>(
    "SELECT client_id AS clientId FROM batch WHERE id = ?1 AND state = 'ready' AND due_at <= ?2",
    id,
    now,
  )?.clientId;
  if (clientId === undefined || !takeSlot(sql, clientId)) return null;
  const raw = sql.get<RawBatch>(
    `UPDATE batch SET state = 'processing', owner = ?2, fence = fence + 1, due_at = ?3, attempt = attempt + 1,
       attempts_total = attempts_total + 1, started_at = coalesce(started_at, ?4), version = version + 1
     WHERE id = ?1 RETURNING ${batchColumns}`,
    id,
    owner,
    now + leaseMs,
    now,
  ) as RawBatch;
  return { batch: batchRow(raw), chunk: readChunk(sql, id, raw.nextChunk) };
}

/**
 * Stride scheduling. A client that was idle or at its cap is lifted to the greatest pass at which anyone began a claim
 * (`began`, read from its index), so it has its share from now on and no credit for before. Whoever waits
 * in turn is already there, and is not lifted: lifting to the least pass of the OTHER waiting clients would lift each at
 * every claim, so that all take turns whatever their weights.
 */
function takeSlot(sql: Sql, clientId: number): boolean {
  const taken = sql.run(
    `UPDATE client_queue SET running = running + 1,
       pass = max(pass, (SELECT max(began) FROM client_queue)) + 1000.0 / weight,
       began = max(pass, (SELECT max(began) FROM client_queue))
     WHERE client_id = ?1 AND running < cap`,
    clientId,
  );
  return taken === 1;
}

export function commitChunk(sql: Sql, commit: ChunkCommit) {
  const held = heldBy(sql, commit.id, commit.fence, commit.chunk);
  if (!held) return null;
  const missed = insertRecords(sql, commit, held.clientId);
  settleReservations(sql, commit);
  insertErrors(sql, commit.id, held.pass * PASS + commit.firstRecord, commit.errors);
  if (commit.end?.purge) sql.run("DELETE FROM batch_chunk WHERE batch_id = ?1", commit.id);
  const now = sql.now();
  const raw = advance(sql, commit, missed, now);
  if (commit.end) freeSlot(sql, raw.clientId);
  return { batch: batchRow(raw), outbox: insertOutbox(sql, commit.end?.events ?? [], now, raw) };
}

/** Rows of one statement. Each call of a statement costs as much as some rows: 1.2 M rows/s one by one, 2.1 M by fifty. */
const ROWS_AT_ONCE = 50;
const INSERT = "INSERT INTO record (batch_id, seq, data) VALUES";
const insertOne = `${INSERT} (?1, ?2, ?3)`;
const insertMany = `${INSERT} ${Array.from({ length: ROWS_AT_ONCE }, (_, i) => `(?1, ?2 + ${i}, ?${i + 3})`).join(", ")}`;

/** The hot path: prepared inserts in key order, one run between two places that have no text. Answers how many keys were taken. */
function insertRecords(sql: Sql, commit: ChunkCommit, clientId: number): number {
  const { id, firstRecord, records, text, unique } = commit;
  if (text === "") return 0;
  const given = text.split("\n");
  const holes = placesWithout(commit);
  if (given.length + holes.length !== records)
    throw new Error(
      `A chunk of ${records} records came with ${given.length} texts and ${holes.length} places without.`,
    );
  const missed = unique ? takeKeys(sql, commit, clientId, unique.keys.split("\n")) : none;
  const lines = missed.size === 0 ? given : given.filter((_line, i) => !missed.has(i));
  const all = missed.size === 0 ? holes : withMissed(holes, missed, records);
  let seq = firstRecord;
  let from = 0;
  for (const index of [...all, records]) {
    const to = from + firstRecord + index - seq;
    insertRun(sql, id, seq, lines.slice(from, to));
    seq += to - from + 1;
    from = to;
  }
  return missed.size;
}

const none: ReadonlySet<number> = new Set();

/** The places without a text, once the texts of `missed` (by their rank) are none either. */
function withMissed(holes: number[], missed: ReadonlySet<number>, records: number): number[] {
  const without = new Set(holes);
  let rank = 0;
  for (let place = 0; place < records; place++) {
    if (without.has(place)) continue;
    if (missed.has(rank++)) without.add(place);
  }
  return [...without].sort((a, b) => a - b);
}

function insertRun(sql: Sql, id: number, first: number, lines: string[]): void {
  const many = sql.statement(insertMany);
  const one = sql.statement(insertOne);
  let at = 0;
  for (; at + ROWS_AT_ONCE <= lines.length; at += ROWS_AT_ONCE)
    many.run(id, first + at, ...lines.slice(at, at + ROWS_AT_ONCE));
  for (; at < lines.length; at++) one.run(id, first + at, lines[at] as string);
}

function insertErrors(sql: Sql, id: number, first: number, rejected: RejectedRecord[]): void {
  const insert = sql.statement(
    `INSERT INTO record_error (batch_id, seq, n, line, field, code, message, raw) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (const { index, line, raw, errors } of rejected) {
    const seq = first + index;
    const [fault, ...others] = errors;
    insert.run(id, seq, 0, line, fault?.field ?? null, fault?.code ?? null, fault?.message ?? null, raw);
    others.forEach(({ field, code, message }, i) => {
      insert.run(id, seq, i + 1, null, field, code, message, null);
    });
  }
}

function advance(sql: Sql, commit: ChunkCommit, missed: number, now: number): RawBatch {
  const { id, leaseMs, counts, unlisted, next, end } = commit;
  return sql.get<RawBatch>(
    `UPDATE batch SET next_chunk = ?2, phase = ?3, accepted = accepted + ?4, rejected = rejected + ?5,
       duplicate = duplicate + ?6, due_at = ?7, attempt = 1, version = version + 1,
       state = ?8, reason = ?9, owner = CASE WHEN ?10 THEN NULL ELSE owner END,
       finished_at = ?11, chunks = CASE WHEN ?12 THEN 0 ELSE chunks END, faults = faults + ?13, unlisted = unlisted + ?14
     WHERE id = ?1 RETURNING ${batchColumns}`,
    id,
    next.chunk,
    next.phase,
    counts.accepted - missed,
    counts.rejected,
    counts.duplicate + missed,
    end ? dueAt(end.due, now) : now + leaseMs,
    end?.state ?? "processing",
    jsonOrNull(end?.reason ?? null),
    end ? 1 : 0,
    end && hasEnded(end.state) ? now : null,
    end?.purge ? 1 : 0,
    storedFaults(commit),
    unlisted.length,
  ) as RawBatch;
}

export function freeSlot(sql: Sql, clientId: number): void {
  sql.run("UPDATE client_queue SET running = max(running - 1, 0) WHERE client_id = ?1", clientId);
}

export function extendLeases(sql: Sql, owner: string, ids: number[], leaseMs: number) {
  return sql.all<{ id: number; fence: number }>(
    `UPDATE batch SET due_at = ?3
     WHERE id IN (SELECT value FROM json_each(?2)) AND state = 'processing' AND owner = ?1 RETURNING id, fence`,
    owner,
    JSON.stringify(ids),
    sql.now() + leaseMs,
  );
}
