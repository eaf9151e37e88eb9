/** Named locks. What decides is one statement each, so that nothing lies between looking and taking. */
import { AT_NOW, unit } from "../rows.ts";
import { big, name, type Sql } from "../sql.ts";

/** Of several at once SQL Server lets one insert; the others fail on its key, are tried again, and then see its time. */
const ACQUIRE = unit({
  steps: [
    {
      decides: `UPDATE batch_lock SET token = @token, expires_at = @now + @ttl WHERE name = @name AND expires_at <= @now;
SET @held = @@ROWCOUNT;
IF @held = 0
BEGIN
INSERT INTO batch_lock (name, token, expires_at)
SELECT @name, @token, @now + @ttl WHERE NOT EXISTS (SELECT 1 FROM batch_lock WHERE name = @name);
SET @held = @@ROWCOUNT;
END;`,
    },
  ],
  answer: 'SELECT @held AS "held" WHERE @held = 1',
});

export async function acquireLock(sql: Sql, lock: string, token: string, ttlMs: number): Promise<boolean> {
  const taken = await sql.get(ACQUIRE, { name: name(lock), token: name(token), ttl: big(ttlMs) });
  return taken !== undefined;
}

const EXTEND = `${AT_NOW}
DECLARE @held INT;
UPDATE batch_lock SET expires_at = @now + @ttl WHERE name = @name AND token = @token AND expires_at > @now;
SET @held = @@ROWCOUNT;
SELECT @held AS "held" WHERE @held = 1;`;

export async function extendLock(sql: Sql, lock: string, token: string, ttlMs: number): Promise<boolean> {
  const extended = await sql.get(EXTEND, { name: name(lock), token: name(token), ttl: big(ttlMs) });
  return extended !== undefined;
}

export async function releaseLock(sql: Sql, lock: string, token: string): Promise<void> {
  await sql.all("DELETE FROM batch_lock WHERE name = @name AND token = @token;", {
    name: name(lock),
    token: name(token),
  });
}

export async function forgetLocks(sql: Sql): Promise<void> {
  await sql.all(`${AT_NOW}
DELETE FROM batch_lock WHERE expires_at <= @now;`);
}
