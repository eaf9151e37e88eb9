import type { Candidate } from "../../../store.ts";
import type { Sql } from "../sql.ts";

/**
 * The clients that have a ready batch, by jumping from one to the next in the index (state, client_id, id):
 * costs one look-up a client, however many batches each has.
 */
const WAITING = `WITH RECURSIVE waiting (client_id) AS (
    SELECT min(client_id) FROM batch WHERE state = 'ready'
    UNION ALL
    SELECT (SELECT min(client_id) FROM batch WHERE state = 'ready' AND client_id > w.client_id)
    FROM waiting w WHERE w.client_id IS NOT NULL)`;

/**
 * A client's oldest ready batch that is due; `?1` is now. Left alone the planner takes the index (state, due_at) and sorts:
 * 48 ms instead of 0.2 with 100,000 ready batches.
 */
const OLDEST = `(SELECT r.id FROM batch r INDEXED BY batch_state_client_id_id_ix
    WHERE r.state = 'ready' AND r.client_id = w.client_id AND r.due_at <= ?1 ORDER BY r.id LIMIT 1)`;

export function candidates(sql: Sql, limit: number) {
  return sql.all<Candidate>(
    `${WAITING} SELECT b.id, b.public_id AS publicId, b.client_id AS clientId, b.fence
     FROM waiting w CROSS JOIN client_queue q ON q.client_id = w.client_id AND q.running < q.cap
       CROSS JOIN batch b ON b.id = ${OLDEST}
     ORDER BY q.pass, b.id LIMIT ?2`,
    sql.now(),
    limit,
  );
}

export function isOvertaken(sql: Sql, clientId: number): boolean {
  const other = sql.get(
    `${WAITING} SELECT 1 FROM waiting w CROSS JOIN client_queue q ON q.client_id = w.client_id
       CROSS JOIN client_queue mine ON mine.client_id = ?2
     WHERE q.client_id <> ?2 AND q.running < q.cap AND q.running * mine.weight < mine.running * q.weight
       AND ${OLDEST} IS NOT NULL LIMIT 1`,
    sql.now(),
    clientId,
  );
  return other !== undefined;
}

export function setQueue(sql: Sql, clientId: number, cap: number, weight: number): void {
  sql.run(
    `INSERT INTO client_queue (client_id, running, pass, cap, weight) VALUES (?1, 0, 0, ?2, ?3)
     ON CONFLICT (client_id) DO UPDATE SET cap = excluded.cap, weight = excluded.weight`,
    clientId,
    cap,
    weight,
  );
}
