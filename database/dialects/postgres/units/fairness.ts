import type { Candidate } from "../../../store.ts";
import { NOW, type Sql } from "../sql.ts";

/** The clients that have a ready batch, by jumping from one to the next in the index (state, client_id, id). */
const WAITING = `WITH RECURSIVE waiting (client_id) AS (
    (SELECT client_id FROM batch WHERE state = 'ready' ORDER BY client_id LIMIT 1)
    UNION ALL
    SELECT (SELECT n.client_id FROM batch n WHERE n.state = 'ready' AND n.client_id > w.client_id ORDER BY n.client_id LIMIT 1)
    FROM waiting w WHERE w.client_id IS NOT NULL)`;

/**
 * A client's ready batches `r` that are due, the oldest first. The row comparison says nothing new, but only the index
 * (state, client_id, id) serves it: without statistics the planner takes the one on (client_id, id) for as good, keeps
 * that plan, and reads all that the client has ever sent.
 */
const dueOf = (client: string) => `FROM batch r
    WHERE r.state = 'ready' AND r.client_id = ${client} AND (r.state, r.client_id, r.id) > ('ready', ${client}, 0)
      AND r.due_at <= ${NOW} ORDER BY r.id`;

const OLDEST = `(SELECT r.id, r.client_id ${dueOf("w.client_id")} LIMIT 1)`;

/** See the SQLite twin. */
export const CANDIDATES = `${WAITING},
  first AS MATERIALIZED (
    SELECT b.id, b.client_id, q.pass, q.cap - q.running AS room, 1000.0 / q.weight AS stride
    FROM waiting w JOIN client_queue q ON q.client_id = w.client_id AND q.running < q.cap
      CROSS JOIN LATERAL ${OLDEST} b
    ORDER BY q.pass, b.id LIMIT $1::int),
  lift AS MATERIALIZED (SELECT max(pass - 1000.0 / weight) AS pass FROM client_queue)
  SELECT t.id, t.public_id AS "publicId", f.client_id AS "clientId", t.fence
  FROM first f CROSS JOIN lift CROSS JOIN LATERAL (
    SELECT r.id, r.public_id, r.fence, row_number() OVER (ORDER BY r.id) - 1 AS n ${dueOf("f.client_id")} LIMIT least(f.room, $1::int)) t
  ORDER BY CASE t.n WHEN 0 THEN f.pass ELSE greatest(f.pass, lift.pass) + t.n * f.stride END, t.id LIMIT $1::int`;

export function candidates(sql: Sql, limit: number): Promise<Candidate[]> {
  return sql.all(CANDIDATES, limit);
}

export async function isOvertaken(sql: Sql, clientId: number): Promise<boolean> {
  const other = await sql.get(
    `${WAITING} SELECT 1 FROM waiting w JOIN client_queue q ON q.client_id = w.client_id
       JOIN client_queue mine ON mine.client_id = $1
     WHERE q.client_id <> $1 AND q.running < q.cap
       AND q.running::bigint * mine.weight < mine.running::bigint * q.weight AND EXISTS ${OLDEST} LIMIT 1`,
    clientId,
  );
  return other !== undefined;
}

export async function setQueue(sql: Sql, clientId: number, cap: number, weight: number): Promise<void> {
  await sql.all(
    `INSERT INTO client_queue (client_id, running, pass, cap, weight) VALUES ($1, 0, 0, $2, $3)
     ON CONFLICT (client_id) DO UPDATE SET cap = excluded.cap, weight = excluded.weight`,
    clientId,
    cap,
    weight,
  );
}
