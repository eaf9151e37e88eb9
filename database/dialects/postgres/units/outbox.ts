import type { OutboxRow } from "../../../store.ts";
import { NOW, type Sql } from "../sql.ts";

/** A row that was never taken is due `olderThanMs` after it was written, one that was taken when its retry time has passed. */
export async function takeOutbox(sql: Sql, limit: number, olderThanMs: number, retryMs: number): Promise<OutboxRow[]> {
  const rows = await sql.all<OutboxRow>(
    `UPDATE outbox SET due_at = ${NOW} + $3::bigint, attempts = attempts + 1
     WHERE id IN (SELECT id FROM outbox WHERE due_at <= ${NOW}
         AND due_at <= ${NOW} - CASE attempts WHEN 0 THEN $2::bigint ELSE 0 END
       ORDER BY due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED)
     RETURNING id, topic, body, attempts`,
    limit,
    olderThanMs,
    retryMs,
  );
  return rows.sort((a, b) => a.id - b.id);
}

export async function deleteOutbox(sql: Sql, ids: number[]): Promise<void> {
  await sql.all("DELETE FROM outbox WHERE id = ANY($1::bigint[])", ids);
}
