/**
 * Versions of policies that no batch pins any more. One is deleted when it was replaced long before the client's oldest batch
 * was made, and that batch and those after it pin later ones: a batch pins a version that is current while it is uploaded.
 */
import { OLDEST_BATCHES, REPLACED_MS } from "../../../versions.ts";
import type { Sql } from "../sql.ts";

const oldest = (what: string) =>
  `(SELECT ${what} FROM (SELECT policy_version, created_at FROM batch WHERE client_id = p.client_id ORDER BY id LIMIT ${OLDEST_BATCHES}))`;

const FORGET = `DELETE FROM policy WHERE (client_id, version) IN (
  SELECT p.client_id, p.version FROM policy p
  WHERE p.version < coalesce(${oldest("min(policy_version)")}, p.version + 1) AND EXISTS (SELECT 1 FROM policy later
    WHERE later.client_id = p.client_id AND later.version > p.version
      AND later.created_at < min(?1, coalesce(${oldest("min(created_at)")}, ?1)) - ${REPLACED_MS})
  LIMIT ?2)`;

export const forgetVersions = (sql: Sql, limit: number): boolean => sql.run(FORGET, sql.now(), limit) < limit;
