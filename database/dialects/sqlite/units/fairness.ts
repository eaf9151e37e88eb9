import type { Seen } from "../../../candidates.ts";
import type { Sql } from "../sql.ts";

/**
 * A client's ready batches that are due; `?1` is now. The oldest has the least id. For the reason of INDEXED BY see
 * `readyOf` of render.ts.
 */
const dueOf = (client: string) =>
  `FROM batch r INDEXED BY batch_state_client_id_id_ix WHERE r.state = 'ready' AND r.client_id = ${client} AND r.due_at <= ?1`;

/** Clients `q` that may have a batch to claim. The index orders them by turn, so a query can stop early. */
const WAITING = "client_queue q INDEXED BY client_queue_waiting_ix";
const MAY = "q.due_at IS NOT NULL AND q.due_at <= ?1 AND q.running < q.cap AND q.paused_at IS NULL";
const IN_TURN = "q.pass, q.due_at, q.client_id";

/** The SELECT list of a candidate: the client `q` and its batch `b`, which may be missing. */
export const CANDIDATE = `b.id, b.public_id AS "publicId", q.client_id AS "clientId", b.fence, b.policy_version AS "policyVersion",
  b.phase, b.chunks, b.records, b.bytes, q.room`;

/**
 * The clients whose turn comes first, each with its oldest due batch. A client has none if `due_at` of its queue was
 * too early. The next batches of each client follow: as many as it has free places, or as a group may have (?4).
 * Batches are in the order in which single claims would take them, so each further batch of a client counts one more
 * `stride` of its turn. The first batches all belong to the first clients, so no more clients are read.
 */
const CANDIDATES = `WITH walked AS MATERIALIZED (
    SELECT q.client_id, q.pass, q.due_at, q.cap - q.running AS room, 1000.0 / q.weight AS stride
    FROM ${WAITING} WHERE ${MAY} ORDER BY ${IN_TURN} LIMIT ?2 + ?3),
  turn (client_id, id, n) AS (
    SELECT q.client_id, (SELECT r.id ${dueOf("q.client_id")} ORDER BY r.id LIMIT 1), 0 FROM walked q
    UNION ALL
    SELECT t.client_id, (SELECT r.id ${dueOf("t.client_id")} AND r.id > t.id ORDER BY r.id LIMIT 1), t.n + 1
    FROM turn t CROSS JOIN walked q ON q.client_id = t.client_id WHERE t.id IS NOT NULL AND t.n + 1 < max(min(q.room, ?2), ?4)),
  lift AS MATERIALIZED (SELECT max(began) AS pass FROM client_queue)
  SELECT ${CANDIDATE}
  FROM turn t CROSS JOIN walked q ON q.client_id = t.client_id CROSS JOIN lift LEFT JOIN batch b ON b.id = t.id
  WHERE t.n = 0 OR t.id IS NOT NULL
  ORDER BY t.id IS NOT NULL, CASE t.n WHEN 0 THEN q.pass ELSE max(q.pass, lift.pass) + t.n * q.stride END,
    q.due_at, q.client_id, t.id LIMIT 2 * ?2 + ?3 + ?4`;

export function candidates(sql: Sql, limit: number, spare: number, groupSize: number) {
  return sql.all<Seen>(CANDIDATES, sql.now(), limit, spare, groupSize);
}

/** Writes when each client's next batch is due. No lock is needed, because only SQLite's thread writes. */
export function settleQueues(sql: Sql, clientIds: number[]): void {
  sql.run(
    `UPDATE client_queue SET due_at = (SELECT min(r.due_at) FROM batch r INDEXED BY batch_state_client_id_id_ix
       WHERE r.state = 'ready' AND r.client_id = client_queue.client_id)
     WHERE client_id IN (SELECT value FROM json_each(?1))`,
    JSON.stringify(clientIds),
  );
}

/** Records that a batch of the client is ready at `dueAt`. */
export function hasWaiting(sql: Sql, clientId: number, dueAt: number | null): void {
  sql.run(
    "UPDATE client_queue SET due_at = ?2 WHERE client_id = ?1 AND (due_at IS NULL OR due_at > ?2)",
    clientId,
    dueAt,
  );
}
