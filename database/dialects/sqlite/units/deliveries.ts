import type {
  Attempt,
  AttemptRecord,
  DeliveryQuery,
  DeliveryRow,
  TakeDeliveries,
  TakenDelivery,
} from "../../../deliveries.ts";
import type { Sql } from "../sql.ts";

/** A client with a long queue is looked at so far and no further. */
const LOOKED_AT = 1_000;

export function takeDeliveries(sql: Sql, { limit, leaseMs, busy, claim }: TakeDeliveries): TakenDelivery[] {
  const now = sql.now();
  return sql.all<TakenDelivery>(
    `UPDATE delivery SET due_at = ?2, tries = tries + 1, claim = ?3
     WHERE id IN (SELECT id FROM (
       SELECT id, due_at, row_number() OVER (PARTITION BY client_id ORDER BY due_at, id) AS place FROM (
         SELECT id, client_id, due_at FROM delivery
         WHERE due_at <= ?1 AND client_id NOT IN (SELECT value FROM json_each(?4)) ORDER BY due_at, id LIMIT ${LOOKED_AT}))
       WHERE place = 1 ORDER BY due_at, id LIMIT ?5)
     RETURNING id, public_id AS publicId, client_id AS clientId, event, body, tries, claim`,
    now,
    now + leaseMs,
    claim,
    JSON.stringify(busy),
    limit,
  );
}

export function recordAttempt(sql: Sql, { id, claim, status, error, ms, next }: AttemptRecord): void {
  const now = sql.now();
  const counted = sql.get<{ no: number }>(
    "UPDATE delivery SET attempts = attempts + 1 WHERE id = ?1 RETURNING attempts AS no",
    id,
  );
  // Its batch is gone, and it with it.
  if (!counted) return;
  insertAttempt(sql, id, counted.no, { at: now - ms, status, error, ms });
  sql.run(
    `UPDATE delivery SET state = ?3, due_at = ?4, tries = max(tries - ?5, 0), claim = NULL WHERE id = ?1 AND claim = ?2`,
    id,
    claim,
    next.state,
    next.state === "pending" ? now + next.inMs : null,
    next.state === "pending" && !next.isTry ? 1 : 0,
  );
}

function insertAttempt(sql: Sql, id: number, no: number, { at, status, error, ms }: Attempt): void {
  sql.run(
    "INSERT INTO delivery_attempt (delivery_id, no, at, status, error, ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    id,
    no,
    at,
    status,
    error,
    ms,
  );
}

export function failDeliveries(sql: Sql, clientId: number, error: string): number {
  const now = sql.now();
  const failed = sql.all<{ id: number; no: number }>(
    `UPDATE delivery SET state = 'failed', due_at = NULL, claim = NULL, attempts = attempts + 1
     WHERE due_at IS NOT NULL AND client_id = ?1 RETURNING id, attempts AS no`,
    clientId,
  );
  for (const { id, no } of failed) insertAttempt(sql, id, no, { at: now, status: null, error, ms: 0 });
  return failed.length;
}

export function replayDelivery(sql: Sql, publicId: string): boolean {
  const replayed = sql.run(
    "UPDATE delivery SET state = 'pending', due_at = ?2, tries = 0, claim = NULL WHERE public_id = ?1",
    publicId,
    sql.now(),
  );
  return replayed === 1;
}

type Listed = Omit<DeliveryRow, "attempts">;

export function listDeliveries(sql: Sql, { batch, publicId, state, before, limit }: DeliveryQuery): DeliveryRow[] {
  const conditions = [
    batch === undefined ? "?1 IS NULL" : "d.batch_id = (SELECT id FROM batch WHERE public_id = ?1)",
    publicId === undefined ? "?2 IS NULL" : "d.public_id = ?2",
    state === undefined ? "?3 IS NULL" : "d.state = ?3",
    "d.id < ?4",
  ];
  const rows = sql.all<Listed>(
    `SELECT d.id, d.public_id AS publicId, b.public_id AS batchId, d.client_id AS clientId, d.event, d.state, d.due_at AS dueAt
     FROM delivery d JOIN batch b ON b.id = d.batch_id WHERE ${conditions.join(" AND ")} ORDER BY d.id DESC LIMIT ?5`,
    batch ?? null,
    publicId ?? null,
    state ?? null,
    before ?? Number.MAX_SAFE_INTEGER,
    limit,
  );
  return rows.map((row) => ({ ...row, attempts: attemptsOf(sql, row.id) }));
}

const attemptsOf = (sql: Sql, id: number) =>
  sql.all<Attempt>("SELECT at, status, error, ms FROM delivery_attempt WHERE delivery_id = ?1 ORDER BY no", id);

export function voidClaims(sql: Sql): void {
  sql.run("UPDATE delivery SET due_at = ?1, claim = NULL WHERE claim IS NOT NULL", sql.now());
}
