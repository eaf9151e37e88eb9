/** Named locks: one statement each, so that nothing lies between looking and taking. */
import { NOW, type Sql } from "../sql.ts";

/** Of several at once PostgreSQL lets one insert; the others wait for its commit, and then see its time. */
export async function acquireLock(sql: Sql, name: string, token: string, ttlMs: number): Promise<boolean> {
  const taken = await sql.get(
    `INSERT INTO batch_lock (name, token, expires_at) VALUES ($1, $2, ${NOW} + $3::bigint)
     ON CONFLICT (name) DO UPDATE SET token = excluded.token, expires_at = excluded.expires_at
     WHERE batch_lock.expires_at <= ${NOW}
     RETURNING name`,
    name,
    token,
    ttlMs,
  );
  return taken !== undefined;
}

export async function extendLock(sql: Sql, name: string, token: string, ttlMs: number): Promise<boolean> {
  const extended = await sql.get(
    `UPDATE batch_lock SET expires_at = ${NOW} + $3::bigint
     WHERE name = $1 AND token = $2 AND expires_at > ${NOW}
     RETURNING name`,
    name,
    token,
    ttlMs,
  );
  return extended !== undefined;
}

export async function releaseLock(sql: Sql, name: string, token: string): Promise<void> {
  await sql.all("DELETE FROM batch_lock WHERE name = $1 AND token = $2", name, token);
}

export async function forgetLocks(sql: Sql): Promise<void> {
  await sql.all(`DELETE FROM batch_lock WHERE expires_at <= ${NOW}`);
}
