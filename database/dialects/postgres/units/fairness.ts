import type { Candidate } from "../../../../services/batch/batch.domain.ts";
import { chooseCandidates, type Seen } from "../../../candidates.ts";
import { NOW, type Sql } from "../sql.ts";

/**
 * The greatest pass at which any client began a claim. For stride scheduling and the lift see `takeSlot` of
 * sqlite/units/work.ts.
 */
export const LIFT = "(SELECT max(p.began) FROM client_queue p)";

/** The ready batches `r` of a client. For the reason of the row comparison see `readyOf` of render.ts. */
const readyOf = (client: string) => `FROM batch r
    WHERE r.state = 'ready' AND r.client_id = ${client} AND (r.state, r.client_id, r.id) > ('ready', ${client}, 0)`;
/** The ready batches `r` of a client that are due, oldest first. */
const dueOf = (client: string) => `${readyOf(client)} AND r.due_at <= ${NOW} ORDER BY r.id`;

/**
 * Clients `q` that may have a batch to claim, read by the index client_queue_waiting_ix. A plain condition `paused_at
 * IS NULL` would mislead the planner: it takes the condition for a rare case, and sorts all clients.
 */
const WAITING = `q.due_at <= ${NOW} AND q.running < CASE WHEN q.paused_at IS NULL THEN q.cap ELSE 0 END`;
const IN_TURN = "q.pass, q.due_at, q.client_id";

/**
 * The clients whose turn comes first, with their next batches. For the rules see CANDIDATES of
 * sqlite/units/fairness.ts.
 */
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

export function candidates(sql: Sql, limit: number, groupSize = 0): Promise<Candidate[]> {
  return chooseCandidates(
    {
      look: (most, spare) => sql.all<Seen>(CANDIDATES, most, spare, groupSize),
      settle: (clientIds) => settleQueues(sql, clientIds),
    },
    limit,
    groupSize,
  );
}

/**
 * Writes when each client's next batch is due. A unit that makes a batch ready locks its client's row FOR KEY SHARE
 * until its commit (see `KNOWN`); such a row is skipped here. The second statement has a newer snapshot than the locks
 * of the first statement. So it sees all batches that were committed before. Units that come later wait for the lock,
 * and read the row again.
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
 * CTE `known`: the clients of `arrived` (client_id, due_at) whose row already says that a batch is due by that time.
 * The lock blocks only `settleQueues`, but neither claims nor other uploads. If `settleQueues` has changed a row since
 * the snapshot, the row is read again.
 */
export const KNOWN = `known AS MATERIALIZED (SELECT q.client_id FROM client_queue q JOIN arrived a ON a.client_id = q.client_id
    WHERE a.due_at IS NULL OR q.due_at <= a.due_at FOR KEY SHARE OF q)`;

/**
 * CTEs that give each client of `arrived` (with cap and weight) a row with the right `due_at`. Rows are inserted in the
 * order of their ids, so that two statements cannot deadlock.
 */
export const ARRIVED = [
  KNOWN,
  `queue_rows AS (INSERT INTO client_queue AS q (client_id, running, pass, cap, weight, due_at)
    SELECT a.client_id, 0, 0, a.cap, a.weight, a.due_at FROM arrived a
    WHERE NOT EXISTS (SELECT 1 FROM known k WHERE k.client_id = a.client_id) ORDER BY a.client_id
    ON CONFLICT (client_id) DO UPDATE SET due_at = least(q.due_at, excluded.due_at))`,
];
