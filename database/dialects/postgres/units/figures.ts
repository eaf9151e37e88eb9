/** The figures of the queue. Nothing here costs more because the database has more batches, clients or events. */
import { countersList, FOLD, LOOKED_AT, MOST_COUNTED, passingStates, statesOf } from "../../../counts.ts";
import type { QueueStats } from "../../../store.ts";
import { NOW, type Sql } from "../sql.ts";

/** ORDER BY, here and below: the planner takes the index also while it keeps a plan from when the table was empty. */
const counted = passingStates.map(
  (state) => `SELECT '${state}', (SELECT count(*) FROM (
    SELECT 1 FROM batch WHERE state = '${state}' ORDER BY state, client_id, id OFFSET 0) few)`,
);

/** One statement, one snapshot: what moves on meanwhile is counted once. */
export const STATES = `SELECT c.state, c.n FROM (
    SELECT state, sum(n)::bigint AS n FROM batch_count WHERE state IN (${countersList}) GROUP BY state
    UNION ALL ${counted.join(" UNION ALL ")}) c`;

export const RUNNING = `SELECT coalesce(owner, '') AS owner, count(*) AS batches FROM (
    SELECT owner FROM batch WHERE state = 'processing' ORDER BY state, client_id, id OFFSET 0) r GROUP BY owner`;

/** Clients at their cap: who is, has batches that run, so only those are looked at. */
const AT_CAP = `running AS MATERIALIZED (
    SELECT DISTINCT client_id FROM (SELECT client_id FROM batch WHERE state = 'processing' ORDER BY client_id, id OFFSET 0) r),
  at_cap AS MATERIALIZED (SELECT q.client_id FROM running r JOIN client_queue q ON q.client_id = r.client_id AND q.running >= q.cap)`;

/** The oldest due batch of a client. See `dueOf` in fairness.ts on the row comparison. */
const oldestOf = (client: string) => `(SELECT r.due_at FROM batch r
    WHERE r.state = 'ready' AND r.client_id = ${client} AND (r.state, r.client_id, r.id) > ('ready', ${client}, 0)
      AND r.due_at <= ${NOW} ORDER BY r.id LIMIT 1)`;

/**
 * The batches that wait for longest; where all of them belong to clients at their cap, the clients that wait, from one to the
 * next in the index.
 */
export const WAITS = `WITH RECURSIVE ${AT_CAP},
  longest AS MATERIALIZED (SELECT client_id, due_at FROM batch WHERE state = 'ready' AND due_at <= ${NOW}
    ORDER BY state, due_at LIMIT ${LOOKED_AT.batches}),
  oldest AS MATERIALIZED (SELECT min(due_at) AS at FROM longest WHERE client_id NOT IN (SELECT client_id FROM at_cap)),
  waiting (client_id, n) AS (
    (SELECT client_id, 1 FROM batch WHERE state = 'ready' ORDER BY client_id LIMIT 1)
    UNION ALL
    SELECT (SELECT n.client_id FROM batch n WHERE n.state = 'ready' AND n.client_id > w.client_id ORDER BY n.client_id LIMIT 1), w.n + 1
    FROM waiting w WHERE w.client_id IS NOT NULL AND w.n < ${LOOKED_AT.clients})
  SELECT CASE WHEN (SELECT count(*) FROM longest) < ${LOOKED_AT.batches} THEN (SELECT at FROM oldest)
      ELSE coalesce((SELECT at FROM oldest), (SELECT min(${oldestOf("w.client_id")}) FROM waiting w
        WHERE w.client_id IS NOT NULL AND w.client_id NOT IN (SELECT client_id FROM at_cap))) END AS "claimableAt",
    (SELECT min(${oldestOf("f.client_id")}) FROM at_cap f) AS "waitingAt",
    (SELECT count(*) FROM (SELECT 1 FROM at_cap f CROSS JOIN LATERAL (SELECT 1 FROM batch r WHERE r.state = 'ready'
      AND r.client_id = f.client_id ORDER BY r.state, r.client_id, r.id LIMIT ${MOST_COUNTED.waiting}) b
      LIMIT ${MOST_COUNTED.waiting}) few) AS waiting`;

const EVENTS = `SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox ORDER BY id LIMIT ${MOST_COUNTED.outbox}) few) AS depth,
    (SELECT body FROM outbox ORDER BY id LIMIT 1) AS oldest,
    (SELECT due_at FROM delivery WHERE due_at <= ${NOW} ORDER BY due_at LIMIT 1) AS "deliveryAt"`;

interface Waits {
  claimableAt: number | null;
  waitingAt: number | null;
  waiting: number;
}

interface Events {
  depth: number;
  oldest: string | null;
  deliveryAt: number | null;
}

/** One after the other: figures are read often, and must not take several connections from the work. */
export async function stats(sql: Sql): Promise<QueueStats> {
  const states = await sql.all<{ state: string; n: number }>(STATES);
  const waits = await sql.get<Waits>(WAITS);
  const events = await sql.get<Events>(EVENTS);
  const running = await sql.all<{ owner: string; batches: number }>(RUNNING);
  return {
    states: statesOf(states),
    oldestReadyAt: waits?.claimableAt ?? null,
    waitsForItsClient: { batches: waits?.waiting ?? 0, oldestAt: waits?.waitingAt ?? null },
    outboxDepth: events?.depth ?? 0,
    oldestEvent: events?.oldest ?? null,
    oldestDeliveryAt: events?.deliveryAt ?? null,
    running,
  };
}

const FOLD_PIECE = `WITH piece AS MATERIALIZED (SELECT id FROM batch_count ORDER BY id LIMIT ${FOLD.most} FOR UPDATE SKIP LOCKED),
    gone AS (DELETE FROM batch_count c USING piece WHERE c.id = piece.id
      AND (SELECT count(*) FROM piece) >= ${FOLD.least} RETURNING c.state, c.n),
    folded AS (INSERT INTO batch_count (state, n) SELECT state, sum(n) FROM gone GROUP BY state HAVING sum(n) <> 0)
  SELECT count(*) AS n FROM gone`;

/** Nodes that fold at once take different rows. A reader sees all of a piece or nothing of it. */
export async function foldCounts(sql: Sql): Promise<void> {
  while ((await sql.get<{ n: number }>(FOLD_PIECE))?.n === FOLD.most);
}
