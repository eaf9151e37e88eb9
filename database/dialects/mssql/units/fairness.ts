import type { Candidate } from "../../../store.ts";
import { chosen, type Seen } from "../../../waiting.ts";
import { AT_NOW, idList, idsIn, unit } from "../rows.ts";
import { int, type Sql } from "../sql.ts";

/** What a claim adds to its client's `pass`, of the row `of`. */
export const strideOf = (of: string) => `CAST(1000 AS FLOAT) / ${of}.weight`;
/** The greatest pass at which anyone began a claim. */
export const LIFT = "DECLARE @lift FLOAT = (SELECT MAX(p.began) FROM client_queue AS p);";

/** Clients that may have a batch to be claimed, in the order of their turns: read from an index up to where a caller stops. */
const WAITING = "client_queue AS q WITH (INDEX(client_queue_waiting_ix))";
/** That `due_at` is set is said once more, or the filter of the index does not match. */
const MAY = "q.due_at IS NOT NULL AND q.due_at <= @now AND q.running < q.cap";
const IN_TURN = "q.pass, q.due_at, q.client_id";

/** Batches of the client `of` that are ready and due; the oldest is the first by id. */
export const readyOf = (of: string) =>
  `FROM batch AS r WHERE r.state = 'ready' AND r.client_id = ${of}.client_id AND r.due_at <= @now`;

/** See the SQLite twin. */
const CANDIDATES = `${AT_NOW}
${LIFT}
WITH walked AS (
  SELECT TOP (@walked) q.client_id, q.pass, q.due_at, q.cap - q.running AS room, ${strideOf("q")} AS stride
  FROM ${WAITING} WHERE ${MAY} ORDER BY ${IN_TURN})
SELECT TOP (@limit + @walked) t.id AS "id", t.public_id AS "publicId", q.client_id AS "clientId", t.fence AS "fence",
  t.policy_version AS "policyVersion", t.phase AS "phase", t.chunks AS "chunks", t.records AS "records", t.bytes AS "bytes", q.room AS "room"
FROM walked AS q OUTER APPLY (
  SELECT TOP (@limit) r.id, r.public_id, r.fence, r.policy_version, r.phase, r.chunks, r.records, r.bytes,
    ROW_NUMBER() OVER (ORDER BY r.id) - 1 AS n ${readyOf("q")} ORDER BY r.id) AS t
WHERE t.id IS NULL OR t.n < q.room
ORDER BY CASE WHEN t.id IS NULL THEN 0 ELSE 1 END,
  CASE WHEN t.n = 0 THEN q.pass WHEN q.pass < @lift THEN @lift + t.n * q.stride ELSE q.pass + t.n * q.stride END,
  q.due_at, q.client_id, t.id;`;

export function candidates(sql: Sql, limit: number): Promise<Candidate[]> {
  return chosen(
    {
      look: (most, spare) => sql.all<Seen>(CANDIDATES, { limit: int(most), walked: int(most + spare) }),
      settle: (clientIds) => settleQueues(sql, clientIds),
    },
    limit,
  );
}

/**
 * Whoever makes a batch ready writes the batch first, and then asks for its client's row as it is now (`arrived`). So with
 * that row locked here, a batch that is not committed yet is seen by a read of what is written (NOLOCK), and whoever
 * comes later waits and finds the row settled. A row that is locked by somebody is passed over.
 */
const SETTLE = unit({
  declared: ["@settled TABLE (client_id BIGINT NOT NULL PRIMARY KEY)"],
  steps: [
    `INSERT INTO @settled (client_id)
SELECT q.client_id FROM client_queue AS q WITH (READCOMMITTEDLOCK, READPAST, UPDLOCK, ROWLOCK)
WHERE q.client_id IN ${idsIn("@ids")} AND q.due_at <= @now`,
    `UPDATE client_queue SET due_at = (
  SELECT MIN(r.due_at) FROM batch AS r WITH (NOLOCK) WHERE r.state = 'ready' AND r.client_id = client_queue.client_id)
WHERE client_id IN (SELECT s.client_id FROM @settled AS s)`,
  ],
  answer: 'SELECT s.client_id AS "clientId" FROM @settled AS s',
});

async function settleQueues(sql: Sql, clientIds: number[]): Promise<void> {
  await sql.all(SETTLE, { ids: idList(clientIds) });
}

/** The batch in `@made` is ready: its client's row says when it is due, at the latest. Comes after the write of the batch. */
export const ARRIVED = `UPDATE client_queue SET due_at = made.due_at FROM @made AS made
WHERE client_queue.client_id = made.client_id AND (client_queue.due_at IS NULL OR client_queue.due_at > made.due_at)`;

/** A client without a row gets one; two at once: the second one's fails on its key, and is tried again. */
export const insertQueue = (client: string, cap: string, weight: string) =>
  `INSERT INTO client_queue (client_id, running, pass, cap, weight)
SELECT ${client}, 0, 0, ${cap}, ${weight} WHERE NOT EXISTS (SELECT 1 FROM client_queue WHERE client_id = ${client})`;
