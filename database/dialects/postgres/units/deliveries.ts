import type { AttemptRecord, DeliveryQuery, DeliveryRow, TakeDeliveries, TakenDelivery } from "../../../deliveries.ts";
import { Values } from "../rows.ts";
import { NOW, type Sql } from "../sql.ts";

/** A client with a long queue is looked at so far and no further. */
const LOOKED_AT = 1_000;

/** What another node takes right now is skipped; what it has just taken is due no longer when its row is locked here. */
export function takeDeliveries(sql: Sql, { limit, leaseMs, busy, claim }: TakeDeliveries): Promise<TakenDelivery[]> {
  return sql.all<TakenDelivery>(
    `WITH waiting AS (SELECT id, client_id, due_at FROM delivery
         WHERE due_at <= ${NOW} AND client_id <> ALL($4::bigint[]) ORDER BY due_at, id LIMIT ${LOOKED_AT}),
       firsts AS (SELECT DISTINCT ON (client_id) id FROM waiting ORDER BY client_id, due_at, id),
       taken AS (SELECT d.id FROM delivery d JOIN firsts f ON f.id = d.id WHERE d.due_at <= ${NOW}
         ORDER BY d.due_at, d.id LIMIT $1 FOR UPDATE OF d SKIP LOCKED)
     UPDATE delivery d SET due_at = ${NOW} + $2::bigint, tries = d.tries + 1, claim = $3
     FROM taken WHERE d.id = taken.id
     RETURNING d.id, d.public_id AS "publicId", d.client_id AS "clientId", d.event, d.body, d.tries, d.claim`,
    limit,
    leaseMs,
    claim,
    busy,
  );
}

const ATTEMPT = "INSERT INTO delivery_attempt (delivery_id, no, at, status, error, ms)";

export async function recordAttempt(sql: Sql, { id, claim, status, error, ms, next }: AttemptRecord): Promise<void> {
  const values = new Values();
  const isOurs = `claim = ${values.add(claim, "varchar")}`;
  const due = next.state === "pending" ? `${NOW} + ${values.add(next.inMs, "bigint")}` : "NULL";
  const given = next.state === "pending" && !next.isTry ? 1 : 0;
  await sql.all(
    `WITH told AS (UPDATE delivery SET attempts = attempts + 1,
         state = CASE WHEN ${isOurs} THEN ${values.add(next.state, "varchar")} ELSE state END,
         due_at = CASE WHEN ${isOurs} THEN ${due} ELSE due_at END,
         tries = CASE WHEN ${isOurs} THEN greatest(tries - ${values.add(given, "int")}, 0) ELSE tries END,
         claim = CASE WHEN ${isOurs} THEN NULL ELSE claim END
       WHERE id = ${values.add(id)} RETURNING id, attempts)
     ${ATTEMPT} SELECT id, attempts, ${NOW} - ${values.add(ms, "int")}, ${values.add(status, "int")},
       ${values.add(error, "text")}, ${values.add(ms, "int")} FROM told`,
    ...values.list,
  );
}

export async function failDeliveries(sql: Sql, clientId: number, error: string): Promise<number> {
  const rows = await sql.all(
    `WITH failed AS (UPDATE delivery SET state = 'failed', due_at = NULL, claim = NULL, attempts = attempts + 1
       WHERE due_at IS NOT NULL AND client_id = $1 RETURNING id, attempts)
     ${ATTEMPT} SELECT id, attempts, ${NOW}, NULL, $2::text, 0 FROM failed RETURNING delivery_id`,
    clientId,
    error,
  );
  return rows.length;
}

export async function replayDelivery(sql: Sql, publicId: string): Promise<boolean> {
  const row = await sql.get(
    `UPDATE delivery SET state = 'pending', due_at = ${NOW}, tries = 0, claim = NULL WHERE public_id = $1 RETURNING id`,
    withoutNul(publicId),
  );
  return row !== undefined;
}

/** PostgreSQL refuses a text with NUL; no id has one. */
const withoutNul = (text: string) => text.replaceAll("\0", "");

export function listDeliveries(
  sql: Sql,
  { batch, publicId, state, before, limit }: DeliveryQuery,
): Promise<DeliveryRow[]> {
  const values = new Values();
  const conditions = ["true"];
  if (batch !== undefined)
    conditions.push(`d.batch_id = (SELECT id FROM batch WHERE public_id = ${values.add(withoutNul(batch))})`);
  if (publicId !== undefined) conditions.push(`d.public_id = ${values.add(withoutNul(publicId))}`);
  if (state !== undefined) conditions.push(`d.state = ${values.add(state)}`);
  if (before !== undefined) conditions.push(`d.id < ${values.add(before)}`);
  return sql.all<DeliveryRow>(
    `SELECT d.id, d.public_id AS "publicId", b.public_id AS "batchId", d.client_id AS "clientId", d.event, d.state,
       d.due_at AS "dueAt", (SELECT coalesce(json_agg(
         json_build_object('at', a.at, 'status', a.status, 'error', a.error, 'ms', a.ms) ORDER BY a.no), '[]')
         FROM delivery_attempt a WHERE a.delivery_id = d.id) AS attempts
     FROM delivery d JOIN batch b ON b.id = d.batch_id WHERE ${conditions.join(" AND ")}
     ORDER BY d.id DESC LIMIT ${values.add(limit)}`,
    ...values.list,
  );
}

export async function voidClaims(sql: Sql): Promise<void> {
  await sql.all(`UPDATE delivery SET due_at = ${NOW}, claim = NULL WHERE claim IS NOT NULL`);
}
