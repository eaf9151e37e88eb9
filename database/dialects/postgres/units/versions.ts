/**
 * Versions of policies that no batch pins any more. One is deleted when it was replaced long before the client's oldest batch
 * was made, and that batch and those after it pin later ones: a batch pins a version that is current while it is uploaded.
 */
import { OLDEST_BATCHES, REPLACED_MS } from "../../../versions.ts";
import { NOW, type Sql } from "../sql.ts";

const OLDEST = `SELECT min(b.policy_version) AS pinned, least(min(b.created_at), ${NOW}) - ${REPLACED_MS} AS at FROM (
    SELECT policy_version, created_at FROM batch WHERE client_id = p.client_id ORDER BY id LIMIT ${OLDEST_BATCHES}) b`;

const FORGET = `WITH piece AS MATERIALIZED (SELECT p.client_id, p.version FROM policy p CROSS JOIN LATERAL (${OLDEST}) oldest
    WHERE (p.version < oldest.pinned OR oldest.pinned IS NULL) AND EXISTS (SELECT 1 FROM policy later
      WHERE later.client_id = p.client_id AND later.version > p.version AND later.created_at < oldest.at)
    LIMIT $1 FOR UPDATE OF p SKIP LOCKED),
  gone AS (DELETE FROM policy p USING piece WHERE p.client_id = piece.client_id AND p.version = piece.version RETURNING 1)
  SELECT count(*) AS n FROM gone`;

export async function forgetVersions(sql: Sql, limit: number): Promise<boolean> {
  return ((await sql.get<{ n: number }>(FORGET, limit))?.n ?? 0) < limit;
}
