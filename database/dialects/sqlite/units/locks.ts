/** Named locks: one statement each, so that nothing lies between looking and taking. */
import type { Sql } from "../sql.ts";

export function acquireLock(sql: Sql, name: string, token: string, ttlMs: number): boolean {
  const now = sql.now();
  const taken = sql.run(
    `INSERT INTO batch_lock (name, token, expires_at) VALUES (?1, ?2, ?3)
     ON CONFLICT (name) DO UPDATE SET token = excluded.token, expires_at = excluded.expires_at
     WHERE batch_lock.expires_at <= ?4`,
    name,
    token,
    now + ttlMs,
    now,
  );
  return taken === 1;
}

export function extendLock(sql: Sql, name: string, token: string, ttlMs: number): boolean {
  const now = sql.now();
  const extended = sql.run(
    "UPDATE batch_lock SET expires_at = ?3 WHERE name = ?1 AND token = ?2 AND expires_at > ?4",
    name,
    token,
    now + ttlMs,
    now,
  );
  return extended === 1;
}

export function releaseLock(sql: Sql, name: string, token: string): void {
  sql.run("DELETE FROM batch_lock WHERE name = ?1 AND token = ?2", name, token);
}

export function forgetLocks(sql: Sql): void {
  sql.run("DELETE FROM batch_lock WHERE expires_at <= ?1", sql.now());
}
