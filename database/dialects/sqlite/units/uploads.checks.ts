/** The checks of an upload's commit (idempotency key, content, quota), and what the commit stores for later checks. */

import type { UploadCommit } from "../../../../services/imports/imports.domain.ts";
import { newBatchAnswer } from "../../../idempotency.ts";
import type { RawBatch } from "../rows.ts";
import type { Sql } from "../sql.ts";

const DAY_MS = 86_400_000;
const dayOf = (now: number) => Math.floor(now / DAY_MS);

/**
 * Whether an upload's commit may write. No other unit runs between this check and `writeKeysAndUsage`, so the answer
 * still holds there.
 */
export function isAllowed(
  sql: Sql,
  { id, key, dedup, quota, batch, totals, spent: counted = totals }: UploadCommit,
  now: number,
): boolean {
  const { clientId } = batch;
  const isThere = (text: string, ...values: (number | string | Uint8Array)[]) =>
    sql.get(text, clientId, ...values) !== undefined;
  if (key && id === null && isThere('SELECT 1 FROM idempotency_key WHERE client_id = ?1 AND "key" = ?2', key.key))
    return false;
  if (dedup && isThere("SELECT 1 FROM content_key WHERE client_id = ?1 AND hash = ?2", contentKey(dedup, totals)))
    return false;
  if (!quota) return true;
  const spent = { bytes: 0, records: 0, ...usedToday(sql, clientId, now) };
  return (
    spent.bytes + counted.bytes <= (quota.bytes ?? Infinity) &&
    spent.records + counted.records <= (quota.records ?? Infinity)
  );
}

const contentKey = ({ hash }: NonNullable<UploadCommit["dedup"]>, { contentHash }: UploadCommit["totals"]) =>
  Buffer.from(hash ?? contentHash, "hex");

const usedToday = (sql: Sql, clientId: number, now: number) =>
  sql.get<{ bytes: number; records: number }>(
    "SELECT bytes, records FROM client_usage WHERE client_id = ?1 AND day = ?2",
    clientId,
    dayOf(now),
  );

/** Stores the idempotency key and the content key of an upload's commit, and adds the upload to today's usage. */
export function writeKeysAndUsage(
  sql: Sql,
  { key, dedup, quota, totals, spent = totals, isCheck }: UploadCommit,
  made: RawBatch,
  now: number,
): void {
  if (key)
    sql.run(
      `INSERT INTO idempotency_key (client_id, "key", fingerprint, batch_id, answer, expires_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6)
       ON CONFLICT (client_id, "key") DO UPDATE SET fingerprint = excluded.fingerprint, answer = excluded.answer,
         expires_at = excluded.expires_at`,
      made.clientId,
      key.key,
      Buffer.from(key.fingerprint, "hex"),
      made.id,
      newBatchAnswer(made),
      now + key.keepMs,
    );
  if (dedup && !isCheck)
    sql.run(
      `INSERT INTO content_key (client_id, hash, batch_id, expires_at) VALUES (?1, ?2, ?3, ?4)`,
      made.clientId,
      contentKey(dedup, totals),
      made.id,
      now + dedup.keepMs,
    );
  if (quota)
    sql.run(
      `INSERT INTO client_usage (client_id, day, bytes, records) VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT (client_id, day) DO UPDATE SET bytes = bytes + excluded.bytes, records = records + excluded.records`,
      made.clientId,
      dayOf(now),
      spent.bytes,
      spent.records,
    );
}
