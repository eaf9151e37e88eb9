/** What a worker does: claim, commit chunk by chunk, keep its leases. */
import type { RejectedRecord } from "../../../../formats/formats.ts";
import { countLines, lineBlocks } from "../../../../formats/text-lines.ts";
import { LIVE, PASS, placesWithout, workColumns } from "../../../rows.ts";
import { type ChunkCommit, storedFaults } from "../../../store.ts";
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
import { type Held, heldBy, settleReservations, takeKeys } from "./keys.ts";

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
  /** What it has of its client's places. */
  place: 0 | 1;
  groupId: number | null;
}

/** A batch that is ready, and whose client has room for it, is the owner's from here on. */
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

/** What moves of the batch is in `batch_work` from here on. What somebody's SQL has left behind there is no obstacle. */
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
 * Stride scheduling. A client that was idle or at its cap is lifted to the greatest pass at which anyone began a claim
 * (`began`, read from its index), so it has its share from now on and no credit for before. Whoever waits
 * in turn is already there, and is not lifted: lifting to the least pass of the OTHER waiting clients would lift each at
 * every claim, so that all take turns whatever their weights. `turns`: for how much this claim counts.
 */
export function takeSlot(sql: Sql, clientId: number, turns: number): boolean {
  const taken = sql.run(
    `UPDATE client_queue SET running = running + 1,
       pass = max(pass, (SELECT max(began) FROM client_queue)) + ?2 * 1000.0 / weight,
       began = max(pass, (SELECT max(began) FROM client_queue))
     WHERE client_id = ?1 AND running < cap`,
    clientId,
    turns,
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
  const moved = movedBy(commit, held, missed);
  const raw = commit.end ? ended(sql, commit, commit.end, moved, now) : advanced(sql, commit, moved, now);
  if (commit.end) leavePlace(sql, commit.id, held);
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
  if (text.length === 0) return 0;
  const given = countLines(text);
  const holes = placesWithout(commit);
  if (given + holes.length !== records)
    throw new Error(`A chunk of ${records} records came with ${given} texts and ${holes.length} places without.`);
  const missed = unique ? takeKeys(sql, commit, clientId, unique.keys.split("\n")) : none;
  const all = missed.size === 0 ? holes : withMissed(holes, missed, records);
  let rank = 0;
  let place = 0;
  let hole = 0;
  for (const block of lineBlocks(text)) {
    let lines = block.split("\n");
    if (missed.size > 0) lines = lines.filter(() => !missed.has(rank++));
    for (let from = 0; from < lines.length; ) {
      for (; all[hole] === place; hole++) place++;
      const to = Math.min(lines.length, from + (all[hole] ?? records) - place);
      insertRun(sql, id, firstRecord + place, lines.slice(from, to));
      place += to - from;
      from = to;
    }
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

/**
 * Rows of faults in one statement. It looks for the place of the first one, and the others follow it. To look for a place is
 * dear beside records of 1 MiB: SQLite reads the whole text of each that it compares with.
 */
const FAULTS_AT_ONCE = 20;
const FAULT = "(?1, ?, ?, ?, ?, ?, ?, ?)";
const insertFaults = (rows: number) =>
  `INSERT INTO record_error (batch_id, seq, n, line, field, code, message, raw) VALUES ${Array(rows).fill(FAULT).join(", ")}`;
const oneFault = insertFaults(1);
const manyFaults = insertFaults(FAULTS_AT_ONCE);

type FaultRow = (string | number | null)[];

function insertErrors(sql: Sql, id: number, first: number, rejected: RejectedRecord[]): void {
  const many = sql.statement(manyFaults);
  const one = sql.statement(oneFault);
  let rows: FaultRow[] = [];
  for (const record of rejected) {
    rows.push(...faultRows(first + record.index, record));
    let at = 0;
    for (; at + FAULTS_AT_ONCE <= rows.length; at += FAULTS_AT_ONCE)
      many.run(id, ...rows.slice(at, at + FAULTS_AT_ONCE).flat());
    rows = rows.slice(at);
  }
  for (const row of rows) one.run(id, ...row);
}

function faultRows(seq: number, { line, raw, errors }: RejectedRecord): FaultRow[] {
  const [fault, ...others] = errors;
  return [
    [seq, 0, line, fault?.field ?? null, fault?.code ?? null, fault?.message ?? null, raw],
    ...others.map(({ field, code, message }, i) => [seq, i + 1, null, field, code, message, null]),
  ];
}

/** What the moving columns become. This run is the first attempt at the chunk that follows. */
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
});
type Moved = ReturnType<typeof movedBy>;

const MOVED = `next_chunk = ?2, phase = ?3, accepted = ?4, rejected = ?5, duplicate = ?6, faults = ?7, unlisted = ?8, attempt = ?9,
       version = ?10`;

function advanced(sql: Sql, { id, leaseMs }: ChunkCommit, moved: Moved, now: number): RawBatch {
  sql.run(
    `UPDATE batch_work SET ${MOVED}, due_at = ?11 WHERE batch_id = ?1`,
    id,
    ...Object.values(moved),
    now + leaseMs,
  );
  return sql.get<RawBatch>(`SELECT ${liveColumns} FROM ${LIVE} WHERE batch.id = ?1`, id) as RawBatch;
}

/** The run is over: its batch stands where `batch_work` would. */
function ended(
  sql: Sql,
  { id }: ChunkCommit,
  end: NonNullable<ChunkCommit["end"]>,
  moved: Moved,
  now: number,
): RawBatch {
  sql.run("DELETE FROM batch_work WHERE batch_id = ?1", id);
  return sql.get<RawBatch>(
    `UPDATE batch SET ${MOVED}, due_at = ?11, state = ?12, reason = ?13, owner = NULL, finished_at = ?14,
       chunks = CASE WHEN ?15 THEN 0 ELSE chunks END
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

/** The batch's place goes to the next of its group (see moves.ts), or is free. */
function leavePlace(sql: Sql, id: number, { clientId, place, groupId }: Held): void {
  if (place === 0) return;
  const next = "SELECT min(batch_id) FROM batch_work WHERE batch_id > ?1 AND group_id = ?2";
  const isHandedOn = sql.run(`UPDATE batch_work SET place = 1 WHERE batch_id = (${next})`, id, groupId) === 1;
  if (!isHandedOn) sql.run("UPDATE client_queue SET running = max(running - 1, 0) WHERE client_id = ?1", clientId);
}
