import type { OutboxRow } from "../../../store.ts";
import { idsIn, listOf } from "../rows.ts";
import { big, int, kinds, type Sql } from "../sql.ts";
import { PASSING_BY, taking } from "./taking.ts";

/** A row that was never taken is due `olderThanMs` after it was written, one that was taken when its retry time has passed. */
const IS_DUE = "due_at <= @now AND due_at <= @now - CASE WHEN attempts = 0 THEN @older ELSE 0 END";

const TAKE = taking({
  taken: `id BIGINT NOT NULL, topic ${kinds.name.sql}, body ${kinds.text.sql}, attempts INT`,
  pick: `SELECT TOP (@open) id FROM outbox ${PASSING_BY}
WHERE ${IS_DUE} AND id NOT IN (SELECT had.id FROM @taken AS had) ORDER BY due_at, id`,
  take: `UPDATE outbox SET due_at = @now + @retry, attempts = attempts + 1
OUTPUT inserted.id, inserted.topic, inserted.body, inserted.attempts INTO @taken
WHERE id IN (SELECT picked.id FROM @due AS picked) AND ${IS_DUE}`,
  answer: 'SELECT id AS "id", topic AS "topic", body AS "body", attempts AS "attempts" FROM @taken ORDER BY id',
});

export function takeOutbox(sql: Sql, limit: number, olderThanMs: number, retryMs: number): Promise<OutboxRow[]> {
  return sql.all<OutboxRow>(TAKE, { limit: int(limit), older: big(olderThanMs), retry: big(retryMs) });
}

export async function deleteOutbox(sql: Sql, ids: number[]): Promise<void> {
  await sql.all(`DELETE FROM outbox WHERE id IN ${idsIn("@ids")};`, { ids: listOf(ids) });
}
