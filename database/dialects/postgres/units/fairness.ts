import type { Candidate } from "../../../store.ts";
import { chosen, type Seen } from "../../../waiting.ts";
import { NOW, type Sql } from "../sql.ts";

/**
 * The greatest pass at which anyone began a claim. On stride scheduling and the lift of `pass`, see the SQLite twin.
 */
export const LIFT = "(SELECT max(p.began) FROM client_queue p)";

/**
 * A client's ready batches `r`. The row comparison says nothing new, but only the index (state, client_id, id) serves it:
 * without statistics the planner takes the one on (client_id, id) for as good, keeps that plan, and reads all that the
 * client has ever sent.
 */
const readyOf = (client: string) => `FROM batch r
    WHERE r.state = 'ready' AND r.client_id = ${client} AND (r.state, r.client_id, r.id) > ('ready', ${client}, 0)`;
/** Those that are due, the oldest first. */
const dueOf = (client: string) => `${readyOf(client)} AND r.due_at <= ${NOW} ORDER BY r.id`;

/** Clients `q` that may have a batch to be claimed, served by the index client_queue_waiting_ix. */
const WAITING = `q.due_at <= ${NOW} AND q.running < q.cap`;
const IN_TURN = "q.pass, q.due_at, q.client_id";

/** See the SQLite twin. */
export const CANDIDATES = `WITH walked AS MATERIALIZED (
    SELECT q.client_id, q.pass, q.due_at, q.cap - q.running AS room, 1000.0 / q.weight AS stride
    FROM client_queue q WHERE ${WAITING} ORDER BY ${IN_TURN} LIMIT $1::int + $2::int),
  lift AS MATERIALIZED (SELECT ${LIFT} AS pass)
  SELECT t.id, t.public_id AS "publicId", q.client_id AS "clientId", t.fence, t.policy_version AS "policyVersion", t.phase, t.chunks,
    t.records, t.bytes, q.room
  FROM walked q CROSS JOIN lift LEFT JOIN LATERAL (
    SELECT r.id, r.public_id, r.fence, r.policy_version, r.phase, r.chunks, r.records, r.bytes,
      row_number() OVER (ORDER BY r.id) - 1 AS n ${dueOf("q.client_id")} LIMIT greatest(least(q.room, $1::int), $3::int)
  ) t ON true
  ORDER BY t.id IS NOT NULL, CASE t.n WHEN 0 THEN q.pass ELSE greatest(q.pass, lift.pass) + t.n * q.stride END,
    q.due_at, q.client_id, t.id LIMIT 2 * $1::int + $2::int + $3::int`;

export function candidates(sql: Sql, limit: number, together = 0): Promise<Candidate[]> {
  return chosen(
    {
      look: (most, spare) => sql.all<Seen>(CANDIDATES, most, spare, together),
      settle: (clientIds) => settleQueues(sql, clientIds),
    },
    limit,
    together,
  );
}

/**
 * Whoever makes a batch ready locks its client's row FOR KEY SHARE until that is committed (see `KNOWN`). Such a row is
 * passed over here. The second statement has a newer snapshot than the lock of the first: it sees all that was committed
 * before, and what comes later waits for the lock and looks at the row again.
 */
export async function settleQueues(sql: Sql, clientIds: number[]): Promise<void> {
  const ids = clientIds.map(Number).join(", ");
  await sql.once(`DO $$ DECLARE held bigint[]; BEGIN
    SELECT array_agg(l.client_id) INTO held FROM (
      SELECT q.client_id FROM client_queue q WHERE q.client_id IN (${ids}) AND q.due_at <= ${NOW}
      ORDER BY q.client_id FOR UPDATE SKIP LOCKED) l;
    UPDATE client_queue q SET due_at = (SELECT min(r.due_at) ${readyOf("q.client_id")}) WHERE q.client_id = ANY(held);
  END $$`);
}

/**
 * CTE `known`: the clients of `arrived` (client_id, due_at) that are known to have something due by then. The lock hinders no
 * claim and no other upload, only `settleQueues`. A row that was settled since the snapshot is looked at again, as it is now.
 */
export const KNOWN = `known AS MATERIALIZED (SELECT q.client_id FROM client_queue q JOIN arrived a ON a.client_id = q.client_id
    WHERE a.due_at IS NULL OR q.due_at <= a.due_at FOR KEY SHARE OF q)`;

/** Of `arrived` (with cap and weight too): its clients have a row, which says when a batch of theirs is due. In order, against deadlocks. */
export const ARRIVED = [
  KNOWN,
  `queue_rows AS (INSERT INTO client_queue AS q (client_id, running, pass, cap, weight, due_at)
    SELECT a.client_id, 0, 0, a.cap, a.weight, a.due_at FROM arrived a
    WHERE NOT EXISTS (SELECT 1 FROM known k WHERE k.client_id = a.client_id) ORDER BY a.client_id
    ON CONFLICT (client_id) DO UPDATE SET due_at = least(q.due_at, excluded.due_at))`,
];
