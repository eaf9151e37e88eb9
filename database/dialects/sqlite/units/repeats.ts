/** What is sent again: keys, contents, and what a client has sent today. */
import { answerOf, keptMade, keptWhole } from "../../../answers.ts";
import { LIVE } from "../../../rows.ts";
import type { DayUsage, KeyHolder, UploadAnswer, UploadCommit, UploadKey, UploadOutcome } from "../../../store.ts";
import { batchColumns, batchRow, liveColumns, type RawBatch } from "../rows.ts";
import type { Sql } from "../sql.ts";

const DAY_MS = 86_400_000;
const dayOf = (now: number) => Math.floor(now / DAY_MS);

type Refusal = Exclude<UploadOutcome, { outcome: "stored" | "swept" }>;

/** Why a commit must write nothing. No other unit runs meanwhile, so what is free here is still free at `keepRepeats`. */
export function refusalOf(sql: Sql, commit: UploadCommit, now: number): Refusal | null {
  const { id, key, dedup, quota, batch } = commit;
  const holder = key && id === null ? holderAt(sql, batch.clientId, key.key, now) : null;
  if (holder) return { outcome: "repeated", holder };
  const earlier = dedup ? sameContent(sql, commit, now) : undefined;
  if (earlier) return { outcome: "duplicate", batch: batchRow(earlier) };
  if (!quota) return null;
  const usage = usageAt(sql, batch.clientId, now);
  const isOver =
    usage.bytes + commit.totals.bytes > (quota.bytes ?? Infinity) ||
    usage.records + commit.totals.records > (quota.records ?? Infinity);
  return isOver ? { outcome: "overQuota", usage } : null;
}

/** A batch that came to nothing, or is gone, holds its content no longer. */
function sameContent(sql: Sql, { batch, totals }: UploadCommit, now: number): RawBatch | undefined {
  return sql.get<RawBatch>(
    `SELECT ${liveColumns} FROM ${LIVE} WHERE batch.state NOT IN ('failed', 'rejected', 'cancelled') AND batch.id =
       (SELECT batch_id FROM content_key WHERE client_id = ?1 AND hash = ?2 AND expires_at > ?3)`,
    batch.clientId,
    Buffer.from(totals.contentHash, "hex"),
    now,
  );
}

/** The part of a commit that makes it known again, and spends the day's quota. */
export function keepRepeats(sql: Sql, { key, dedup, quota, totals }: UploadCommit, made: RawBatch, now: number): void {
  if (key) keepAnswer(sql, made.clientId, key, made.id, keptMade(made), now);
  if (dedup)
    sql.run(
      `INSERT INTO content_key (client_id, hash, batch_id, expires_at) VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT (client_id, hash) DO UPDATE SET batch_id = excluded.batch_id, expires_at = excluded.expires_at`,
      made.clientId,
      Buffer.from(totals.contentHash, "hex"),
      made.id,
      now + dedup.keepMs,
    );
  if (quota)
    sql.run(
      `INSERT INTO client_usage (client_id, day, bytes, records) VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT (client_id, day) DO UPDATE SET bytes = bytes + excluded.bytes, records = records + excluded.records`,
      made.clientId,
      dayOf(now),
      totals.bytes,
      totals.records,
    );
}

function keepAnswer(
  sql: Sql,
  clientId: number,
  { key, fingerprint, keepMs }: UploadKey & { fingerprint: string },
  batchId: number | null,
  answer: string,
  now: number,
): void {
  sql.run(
    `INSERT INTO idempotency_key (client_id, "key", fingerprint, batch_id, answer, expires_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT (client_id, "key") DO UPDATE SET fingerprint = excluded.fingerprint, batch_id = excluded.batch_id,
       answer = excluded.answer, expires_at = excluded.expires_at`,
    clientId,
    key,
    Buffer.from(fingerprint, "hex"),
    batchId,
    answer,
    now + keepMs,
  );
}

/** A running upload has its key by `batch_id` and no answer, as long as it lives. */
export function takeKey(sql: Sql, clientId: number, key: string, id: number, expiresAt: number): void {
  sql.run(
    `INSERT INTO idempotency_key (client_id, "key", batch_id, expires_at) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (client_id, "key") DO UPDATE SET fingerprint = NULL, answer = NULL, batch_id = excluded.batch_id,
       expires_at = excluded.expires_at`,
    clientId,
    key,
    id,
    expiresAt,
  );
}

export const freeKey = (sql: Sql, id: number) =>
  sql.run("DELETE FROM idempotency_key WHERE batch_id = ?1 AND answer IS NULL", id);

interface RawKey {
  batchId: number | null;
  fingerprint: string;
  answer: string | null;
}

function rawKey(sql: Sql, clientId: number, key: string, now: number): RawKey | undefined {
  return sql.get<RawKey>(
    `SELECT batch_id AS batchId, lower(hex(fingerprint)) AS fingerprint, answer FROM idempotency_key
     WHERE client_id = ?1 AND "key" = ?2 AND (expires_at > ?3 OR answer IS NULL)`,
    clientId,
    key,
    now,
  );
}

function holderOf(sql: Sql, { batchId, fingerprint, answer }: RawKey): KeyHolder | null {
  if (answer === null) return { state: "running" };
  const raw = sql.get<RawBatch>(`SELECT ${batchColumns} FROM batch WHERE id = ?1`, batchId);
  const told = answerOf(answer, raw, batchRow);
  return told && { state: "done", fingerprint, answer: told };
}

export function holderAt(sql: Sql, clientId: number, key: string, now: number): KeyHolder | null {
  const raw = rawKey(sql, clientId, key, now);
  return raw ? holderOf(sql, raw) : null;
}

export const keyHolder = (sql: Sql, clientId: number, key: string) => holderAt(sql, clientId, key, sql.now());

export function answerKey(
  sql: Sql,
  clientId: number,
  key: UploadKey & { fingerprint: string },
  id: number | null,
  answer: UploadAnswer,
): KeyHolder | null {
  const now = sql.now();
  const raw = rawKey(sql, clientId, key.key, now);
  const isOurs = raw?.answer === null && raw.batchId === id;
  const holder = raw && !isOurs ? holderOf(sql, raw) : null;
  if (!holder) keepAnswer(sql, clientId, key, null, keptWhole(answer), now);
  return holder;
}

function usageAt(sql: Sql, clientId: number, now: number): DayUsage {
  const spent = sql.get<{ bytes: number; records: number }>(
    "SELECT bytes, records FROM client_usage WHERE client_id = ?1 AND day = ?2",
    clientId,
    dayOf(now),
  );
  return { bytes: 0, records: 0, ...spent, msLeft: DAY_MS - (now % DAY_MS) };
}

export const usage = (sql: Sql, clientId: number) => usageAt(sql, clientId, sql.now());
