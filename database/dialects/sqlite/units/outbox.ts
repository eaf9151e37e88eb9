import type { OutboxRow } from "../../../store.ts";
import type { Sql } from "../sql.ts";

/** A row that was never taken is due `olderThanMs` after it was written, one that was taken when its retry time has passed. */
export function takeOutbox(sql: Sql, limit: number, olderThanMs: number, retryMs: number): OutboxRow[] {
  const now = sql.now();
  const rows = sql.all<OutboxRow>(
    `UPDATE outbox SET due_at = ?2, attempts = attempts + 1
     WHERE id IN (SELECT id FROM outbox WHERE due_at <= ?1 - CASE attempts WHEN 0 THEN ?3 ELSE 0 END AND due_at <= ?1
       ORDER BY due_at, id LIMIT ?4)
     RETURNING id, topic, body, attempts`,
    now,
    now + retryMs,
    olderThanMs,
    limit,
  );
  return rows.sort((a, b) => a.id - b.id);
}

export function deleteOutbox(sql: Sql, ids: number[]): void {
  sql.run("DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?1))", JSON.stringify(ids));
}
