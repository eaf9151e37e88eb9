import type { Candidate } from "../../../../services/batch/batch.domain.ts";
import { chooseCandidates, type Seen } from "../../../candidates.ts";
import { AT_NOW, idList, idsIn, unit } from "../rows.ts";
import { int, type Sql } from "../sql.ts";

/** The number that a claim adds to the `pass` of its client. `of`: the alias of the client's row. */
export const strideOf = (of: string) => `CAST(1000 AS FLOAT) / ${of}.weight`;
/** The greatest pass at which any client began a claim. */
export const LIFT = "DECLARE @lift FLOAT = (SELECT MAX(p.began) FROM client_queue AS p);";

/** Clients that may have a batch to claim. The index orders them by turn, so a query can stop early. */
const WAITING = "client_queue AS q WITH (INDEX(client_queue_waiting_ix))";
/**
 * The condition that a client `q` may have a batch to claim. `IS NOT NULL` is redundant, but the server uses the
 * filtered index only with it.
 */
const MAY = "q.due_at IS NOT NULL AND q.due_at <= @now AND q.running < q.cap AND q.paused_at IS NULL";
const IN_TURN = "q.pass, q.due_at, q.client_id";

/** Batches of a client that are ready and due. The oldest has the least id. `of`: the alias of the client's row. */
export const readyOf = (of: string) =>
  `FROM batch AS r WHERE r.state = 'ready' AND r.client_id = ${of}.client_id AND r.due_at <= @now`;

/**
 * The clients whose turn comes first, with their next batches. For the rules see CANDIDATES of
 * sqlite/units/fairness.ts. `@each`: the greatest number of batches of one client.
 */
const CANDIDATES = `${AT_NOW}
${LIFT}
WITH walked AS (
  SELECT TOP (@walked) q.client_id, q.pass, q.due_at, q.cap - q.running AS room, ${strideOf("q")} AS stride
  FROM ${WAITING} WHERE ${MAY} ORDER BY ${IN_TURN})
SELECT TOP (@limit + @walked + @groupSize) t.id AS "id", t.public_id AS "publicId", q.client_id AS "clientId", t.fence AS "fence",
  t.policy_version AS "policyVersion", t.phase AS "phase", t.chunks AS "chunks", t.records AS "records", t.bytes AS "bytes", q.room AS "room"
FROM walked AS q OUTER APPLY (
  SELECT TOP (@each) r.id, r.public_id, r.fence, r.policy_version, r.phase, r.chunks, r.records, r.bytes,
    ROW_NUMBER() OVER (ORDER BY r.id) - 1 AS n ${readyOf("q")} ORDER BY r.id) AS t
WHERE t.id IS NULL OR t.n < q.room OR t.n < @groupSize
ORDER BY CASE WHEN t.id IS NULL THEN 0 ELSE 1 END,
  CASE WHEN t.n = 0 THEN q.pass WHEN q.pass < @lift THEN @lift + t.n * q.stride ELSE q.pass + t.n * q.stride END,
  q.due_at, q.client_id, t.id;`;

export function candidates(sql: Sql, limit: number, groupSize = 0): Promise<Candidate[]> {
  return chooseCandidates(
    {
      look: (most, spare) =>
        sql.all<Seen>(CANDIDATES, {
          limit: int(most),
          walked: int(most + spare),
          groupSize: int(groupSize),
          each: int(Math.max(most, groupSize)),
        }),
      settle: (clientIds) => settleQueues(sql, clientIds),
    },
    limit,
    groupSize,
  );
}

/**
 * Writes when each client's next batch is due. A unit that makes a batch ready writes the batch first, and then reads
 * its client's row as it is now (`arrived`). This statement locks the client's row first. So the NOLOCK read finds a
 * batch that is written but not committed, and a unit that comes later waits for the lock and sees the new value. A row
 * that another unit has locked is skipped.
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
