import type { Candidate } from "../../../store.ts";
import { AT_NOW } from "../rows.ts";
import { big, int, type Sql } from "../sql.ts";

/** What a claim adds to its client's `pass`, of the row `of`. */
export const strideOf = (of: string) => `CAST(1000 AS FLOAT) / ${of}.weight`;
/** The greatest pass at which anyone began a claim. */
export const LIFT = `DECLARE @lift FLOAT = (SELECT MAX(p.pass - ${strideOf("p")}) FROM client_queue AS p);`;

/**
 * The clients that have a ready batch, by jumping from one to the next in the index (state, client_id, id). T-SQL takes neither
 * TOP nor MIN in the part that recurs, but the first of numbered rows. It is NULL where nothing is ready.
 */
export const WAITING = `waiting AS (
  SELECT MIN(f.client_id) AS client_id FROM batch AS f WHERE f.state = 'ready'
  UNION ALL
  SELECT n.client_id FROM (
    SELECT b.client_id, ROW_NUMBER() OVER (ORDER BY b.client_id) AS place
    FROM waiting AS w JOIN batch AS b ON b.state = 'ready' AND b.client_id > w.client_id) AS n
  WHERE n.place = 1)`;
/** More than a hundred of them, which is where T-SQL gives up unless it is told otherwise. */
export const ALL_OF_THEM = "OPTION (MAXRECURSION 0)";

/** Batches of the client `of` that are ready and due; the oldest is the first by id. */
export const readyOf = (of: string) =>
  `FROM batch AS r WHERE r.state = 'ready' AND r.client_id = ${of}.client_id AND r.due_at <= @now`;

/** See the SQLite twin. */
const CANDIDATES = `${AT_NOW}
${LIFT}
WITH ${WAITING},
firsts AS (
  SELECT TOP (@limit) q.client_id, q.pass, q.cap - q.running AS room, ${strideOf("q")} AS stride
  FROM waiting AS w JOIN client_queue AS q ON q.client_id = w.client_id CROSS APPLY (SELECT TOP (1) r.id ${readyOf("q")} ORDER BY r.id) AS b
  WHERE q.running < q.cap ORDER BY q.pass, b.id)
SELECT TOP (@limit) t.id AS "id", t.public_id AS "publicId", f.client_id AS "clientId", t.fence AS "fence"
FROM firsts AS f CROSS APPLY (
  SELECT TOP (@limit) r.id, r.public_id, r.fence, ROW_NUMBER() OVER (ORDER BY r.id) - 1 AS n ${readyOf("f")} ORDER BY r.id) AS t
WHERE t.n < f.room
ORDER BY CASE WHEN t.n = 0 THEN f.pass WHEN f.pass < @lift THEN @lift + t.n * f.stride ELSE f.pass + t.n * f.stride END, t.id
${ALL_OF_THEM};`;

export function candidates(sql: Sql, limit: number): Promise<Candidate[]> {
  return sql.all(CANDIDATES, { limit: int(limit) });
}

const OVERTAKEN = `${AT_NOW}
WITH ${WAITING}
SELECT TOP (1) q.client_id AS "clientId"
FROM waiting AS w JOIN client_queue AS q ON q.client_id = w.client_id JOIN client_queue AS mine ON mine.client_id = @client
WHERE q.client_id <> @client AND q.running < q.cap
  AND CAST(q.running AS BIGINT) * mine.weight < CAST(mine.running AS BIGINT) * q.weight
  AND EXISTS (SELECT 1 ${readyOf("q")})
${ALL_OF_THEM};`;

export async function isOvertaken(sql: Sql, clientId: number): Promise<boolean> {
  return (await sql.get(OVERTAKEN, { client: big(clientId) })) !== undefined;
}

/** A client without a row gets one; two at once: the second one's fails on its key, and is tried again. */
export const insertQueue = (client: string, cap: string, weight: string) =>
  `INSERT INTO client_queue (client_id, running, pass, cap, weight)
SELECT ${client}, 0, 0, ${cap}, ${weight} WHERE NOT EXISTS (SELECT 1 FROM client_queue WHERE client_id = ${client})`;

export async function setQueue(sql: Sql, clientId: number, cap: number, weight: number): Promise<void> {
  await sql.all(
    `UPDATE client_queue SET cap = @cap, weight = @weight WHERE client_id = @client;
${insertQueue("@client", "@cap", "@weight")};`,
    { client: big(clientId), cap: int(cap), weight: int(weight) },
  );
}
