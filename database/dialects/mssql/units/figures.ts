/** The figures of the queue. Nothing here costs more because the database has more batches, clients or events. */
import { countersList, FOLD, LOOKED_AT, MOST_COUNTED, passingStates, statesOf } from "../../../counts.ts";
import type { QueueStats } from "../../../store.ts";
import { AT_NOW, unit } from "../rows.ts";
import { kinds, type Sql } from "../sql.ts";
import { readyOf } from "./fairness.ts";

/** One statement, one snapshot: what moves on meanwhile is counted once. */
const STATES = `SELECT state AS "state", SUM(n) AS "n" FROM batch_count WHERE state IN (${countersList}) GROUP BY state
${passingStates.map((state) => `UNION ALL SELECT '${state}', COUNT_BIG(*) FROM batch WHERE state = '${state}'`).join("\n")};`;

/** Clients at their cap: who is, has batches that run, so only those are looked at. */
const AT_CAP = `DECLARE @atCap TABLE (client_id BIGINT PRIMARY KEY);
INSERT INTO @atCap (client_id) SELECT q.client_id FROM client_queue AS q
WHERE q.running >= q.cap AND q.client_id IN (SELECT b.client_id FROM batch AS b WHERE b.state = 'processing');`;

/**
 * The clients that have a ready batch, by jumping from one to the next in the index (state, client_id, id). T-SQL takes neither
 * TOP nor MIN in the part that recurs, but the first of numbered rows. It is NULL where nothing is ready.
 */
const WAITING = `waiting AS (
  SELECT MIN(f.client_id) AS client_id FROM batch AS f WHERE f.state = 'ready'
  UNION ALL
  SELECT n.client_id FROM (
    SELECT b.client_id, ROW_NUMBER() OVER (ORDER BY b.client_id) AS place
    FROM waiting AS w JOIN batch AS b ON b.state = 'ready' AND b.client_id > w.client_id) AS n
  WHERE n.place = 1)`;
/** More than a hundred of them, which is where T-SQL gives up unless it is told otherwise. */
const ALL_OF_THEM = "OPTION (MAXRECURSION 0)";

const oldestOf = (of: string) => `CROSS APPLY (SELECT TOP (1) r.due_at ${readyOf(of)} ORDER BY r.id) AS o`;
const isFree = (of: string) => `${of}.client_id NOT IN (SELECT f.client_id FROM @atCap AS f)`;

/** See the PostgreSQL twin. */
const WAITS = `${AT_NOW}
${AT_CAP}
DECLARE @looked INT;
DECLARE @longest TABLE (client_id BIGINT, due_at BIGINT);
INSERT INTO @longest (client_id, due_at) SELECT TOP (${LOOKED_AT.batches}) b.client_id, b.due_at FROM batch AS b
WHERE b.state = 'ready' AND b.due_at <= @now ORDER BY b.due_at;
SET @looked = @@ROWCOUNT;
DECLARE @claimable BIGINT = (SELECT MIN(l.due_at) FROM @longest AS l WHERE ${isFree("l")});
IF @claimable IS NULL AND @looked = ${LOOKED_AT.batches}
BEGIN
  WITH ${WAITING}
  SELECT @claimable = MIN(o.due_at) FROM (SELECT TOP (${LOOKED_AT.clients}) a.client_id FROM waiting AS a) AS w ${oldestOf("w")}
  WHERE ${isFree("w")} ${ALL_OF_THEM};
END;
SELECT @claimable AS "claimableAt",
  (SELECT MIN(o.due_at) FROM @atCap AS f ${oldestOf("f")}) AS "waitingAt",
  (SELECT COUNT_BIG(*) FROM (SELECT TOP (${MOST_COUNTED.waiting}) r.id FROM @atCap AS f JOIN batch AS r
    ON r.state = 'ready' AND r.client_id = f.client_id) AS few) AS "waiting";`;

const EVENTS = `${AT_NOW}
SELECT (SELECT COUNT_BIG(*) FROM (SELECT TOP (${MOST_COUNTED.outbox}) o.id FROM outbox AS o) AS few) AS "depth",
  (SELECT TOP (1) o.body FROM outbox AS o ORDER BY o.id) AS "oldest",
  (SELECT MIN(d.due_at) FROM delivery AS d WHERE d.due_at <= @now) AS "deliveryAt";`;

const RUNNING = `SELECT COALESCE(owner, '') AS "owner", COUNT(*) AS "batches" FROM batch WHERE state = 'processing' GROUP BY owner;`;

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

const FOLD_PIECE = unit({
  declared: [`@gone TABLE (id BIGINT, state ${kinds.name.sql}, n BIGINT)`],
  steps: [
    `INSERT INTO @gone (id, state, n)
SELECT TOP (${FOLD.most}) c.id, c.state, c.n FROM batch_count AS c WITH (UPDLOCK, ROWLOCK, READCOMMITTEDLOCK, READPAST)
WHERE ${FOLD.least} = (SELECT COUNT(*) FROM (SELECT TOP (${FOLD.least}) f.id FROM batch_count AS f) AS few) ORDER BY c.id`,
    "DELETE FROM batch_count WHERE id IN (SELECT g.id FROM @gone AS g)",
    "INSERT INTO batch_count (state, n) SELECT g.state, SUM(g.n) FROM @gone AS g GROUP BY g.state HAVING SUM(g.n) <> 0",
  ],
  answer: 'SELECT COUNT(*) AS "n" FROM @gone',
});

/** Nodes that fold at once take different rows. A reader sees all of a piece or nothing of it. */
export async function foldCounts(sql: Sql): Promise<void> {
  while ((await sql.get<{ n: number }>(FOLD_PIECE))?.n === FOLD.most);
}
