/**
 * Versions of policies that no batch pins any more. One is deleted when it was replaced long before the client's oldest batch
 * was made, and that batch and those after it pin later ones: a batch pins a version that is current while it is uploaded.
 */
import { OLDEST_BATCHES, REPLACED_MS } from "../../../versions.ts";
import { AT_NOW } from "../rows.ts";
import { int, type Sql } from "../sql.ts";

const OLDEST = `SELECT MIN(b.policy_version) AS pinned, MIN(b.created_at) AS made FROM (
    SELECT TOP (${OLDEST_BATCHES}) f.policy_version, f.created_at FROM batch AS f WHERE f.client_id = p.client_id ORDER BY f.id) AS b`;

const FORGET = `${AT_NOW}
DECLARE @gone INT;
DELETE FROM policy WHERE EXISTS (SELECT 1 FROM (
  SELECT TOP (@limit) p.client_id, p.version FROM policy AS p CROSS APPLY (${OLDEST}) AS oldest
  WHERE (oldest.pinned IS NULL OR p.version < oldest.pinned) AND EXISTS (SELECT 1 FROM policy AS later
    WHERE later.client_id = p.client_id AND later.version > p.version AND later.created_at < @now - ${REPLACED_MS}
      AND (oldest.made IS NULL OR later.created_at < oldest.made - ${REPLACED_MS}))
  ORDER BY p.client_id, p.version) AS piece WHERE piece.client_id = policy.client_id AND piece.version = policy.version);
SET @gone = @@ROWCOUNT;
SELECT @gone AS "gone";`;

export async function forgetVersions(sql: Sql, limit: number): Promise<boolean> {
  const row = await sql.get<{ gone: number }>(FORGET, { limit: int(limit) });
  return (row?.gone ?? 0) < limit;
}
