/** The figures of the queue. Nothing here costs more because the database has more batches, clients or events. */
import { countersList, LOOKED_AT, MOST_COUNTED, passingStates, statesOf } from "../../../counts.ts";
import type { QueueStats } from "../../../store.ts";
import type { Sql } from "../sql.ts";

/** One statement, one snapshot: what moves on meanwhile is counted once. */
const STATES = `SELECT state, sum(n) AS n FROM batch_count WHERE state IN (${countersList}) GROUP BY state
  ${passingStates.map((state) => `UNION ALL SELECT '${state}', (SELECT count(*) FROM batch WHERE state = '${state}')`).join(" ")}`;

/** Clients at their cap: who is, has batches that run, so only those are looked at. */
const AT_CAP = `at_cap AS MATERIALIZED (
    SELECT q.client_id FROM (SELECT DISTINCT client_id FROM batch WHERE state = 'processing') r
      CROSS JOIN client_queue q ON q.client_id = r.client_id AND q.running >= q.cap)`;

/** The oldest due batch of a client; `?1` is now. See `OLDEST` in fairness.ts on the index. */
const oldestOf = (client: string) => `(SELECT r.due_at FROM batch r INDEXED BY batch_state_client_id_id_ix
    WHERE r.state = 'ready' AND r.client_id = ${client} AND r.due_at <= ?1 ORDER BY r.id LIMIT 1)`;

/** See the PostgreSQL twin. */
const WAITS = `WITH RECURSIVE ${AT_CAP},
  longest AS MATERIALIZED (SELECT client_id, due_at FROM batch INDEXED BY batch_state_due_at_ix
    WHERE state = 'ready' AND due_at <= ?1 ORDER BY due_at LIMIT ${LOOKED_AT.batches}),
  oldest AS MATERIALIZED (SELECT min(due_at) AS at FROM longest WHERE client_id NOT IN (SELECT client_id FROM at_cap)),
  waiting (client_id) AS (
    SELECT min(client_id) FROM batch WHERE state = 'ready'
    UNION ALL
    SELECT (SELECT min(client_id) FROM batch WHERE state = 'ready' AND client_id > w.client_id)
    FROM waiting w WHERE w.client_id IS NOT NULL LIMIT ${LOOKED_AT.clients})
  SELECT CASE WHEN (SELECT count(*) FROM longest) < ${LOOKED_AT.batches} THEN (SELECT at FROM oldest)
      ELSE coalesce((SELECT at FROM oldest), (SELECT min(${oldestOf("w.client_id")}) FROM waiting w
        WHERE w.client_id IS NOT NULL AND w.client_id NOT IN (SELECT client_id FROM at_cap))) END AS claimableAt,
    (SELECT min(${oldestOf("f.client_id")}) FROM at_cap f) AS waitingAt,
    (SELECT count(*) FROM (SELECT 1 FROM at_cap f CROSS JOIN batch r INDEXED BY batch_state_client_id_id_ix
      ON r.state = 'ready' AND r.client_id = f.client_id LIMIT ${MOST_COUNTED.waiting})) AS waiting`;

interface Waits {
  claimableAt: number | null;
  waitingAt: number | null;
  waiting: number;
}

export function stats(sql: Sql): QueueStats {
  const now = sql.now();
  const waits = sql.get<Waits>(WAITS, now) as Waits;
  return {
    states: statesOf(sql.all<{ state: string; n: number }>(STATES)),
    oldestReadyAt: waits.claimableAt,
    waitsForItsClient: { batches: waits.waiting, oldestAt: waits.waitingAt },
    outboxDepth:
      sql.get<{ n: number }>(`SELECT count(*) AS n FROM (SELECT 1 FROM outbox LIMIT ${MOST_COUNTED.outbox})`)?.n ?? 0,
    oldestEvent: sql.get<{ body: string }>("SELECT body FROM outbox ORDER BY id LIMIT 1")?.body ?? null,
    oldestDeliveryAt:
      sql.get<{ dueAt: number | null }>("SELECT min(due_at) AS dueAt FROM delivery WHERE due_at <= ?1", now)?.dueAt ??
      null,
    running: sql.all(
      "SELECT coalesce(owner, '') AS owner, count(*) AS batches FROM batch WHERE state = 'processing' GROUP BY owner",
    ),
  };
}
