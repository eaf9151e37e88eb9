/** What is sent again: keys, contents, and what a client has sent today. */
import { answerOf, keptColumns, keptWhole } from "../../../answers.ts";
import { CAME_TO_NOTHING, decided, refusalOf } from "../../../decided.ts";
import { LIVE } from "../../../rows.ts";
import type { DayUsage, KeyHolder, UploadAnswer, UploadCommit, UploadKey, UploadOutcome } from "../../../store.ts";
import { batchColumns, batchRow, liveColumns, type RawBatch, type Values } from "../rows.ts";
import { NOW, type Sql } from "../sql.ts";

const DAY_MS = 86_400_000;
const TODAY = `(${NOW} / ${DAY_MS})::int`;

/** What the snapshot must show for a commit to write: no holder of its key, none of its content. */
export function freeConditions({ id, key, dedup, batch, totals }: UploadCommit, values: Values): string[] {
  const conditions: string[] = [];
  // A receiving row has the key already.
  if (key && id === null) conditions.push(keyIsFree(batch.clientId, key.key, values));
  if (dedup)
    conditions.push(`NOT EXISTS (SELECT 1 FROM content_key c WHERE c.client_id = ${values.add(batch.clientId, "bigint")}
      AND c.hash = ${values.add(Buffer.from(totals.contentHash, "hex"), "bytea")})`);
  return conditions;
}

export const keyIsFree = (clientId: number, key: string, values: Values) =>
  `NOT EXISTS (SELECT 1 FROM idempotency_key k WHERE k.client_id = ${values.add(clientId, "bigint")}
    AND k."key" = ${values.add(key, "varchar")})`;

/** CTE `spent`: today's usage with this upload, where `held` has a row and the quota holds it. Its row's lock makes it exact. */
export function spentCte({ batch, totals, quota }: UploadCommit, values: Values): string {
  const bytes = values.add(totals.bytes, "bigint");
  const records = values.add(totals.records, "bigint");
  const within = (used: (column: string) => string) =>
    [
      quota?.bytes == null ? [] : [`${used("bytes")} + ${bytes} <= ${values.add(quota.bytes, "bigint")}`],
      quota?.records == null ? [] : [`${used("records")} + ${records} <= ${values.add(quota.records, "bigint")}`],
      ["true"],
    ]
      .flat()
      .join(" AND ");
  return `spent AS (INSERT INTO client_usage AS u (client_id, day, bytes, records)
    SELECT ${values.add(batch.clientId, "bigint")}, ${TODAY}, ${bytes}, ${records} FROM held WHERE ${within(() => "0")}
    ON CONFLICT (client_id, day) DO UPDATE SET bytes = u.bytes + excluded.bytes, records = u.records + excluded.records
      WHERE ${within((column) => `u.${column}`)} RETURNING 1)`;
}

export const KEPT_MADE = `json_build_object('status', 202, 'made',
  json_build_object(${keptColumns.map((name) => `'${name}', made."${name}"`).join(", ")}))::text`;

/** CTEs that make the batch of `made` known again. */
export function repeatCtes({ id, key, dedup, totals }: UploadCommit, values: Values): string[] {
  const ctes: string[] = [];
  if (key) {
    const fingerprint = values.add(Buffer.from(key.fingerprint, "hex"), "bytea");
    const until = `${NOW} + ${values.add(key.keepMs, "bigint")}`;
    ctes.push(
      id === null
        ? `key_row AS (INSERT INTO idempotency_key (client_id, "key", fingerprint, batch_id, answer, expires_at)
            SELECT made."clientId", ${values.add(key.key, "varchar")}, ${fingerprint}, made.id, ${KEPT_MADE}, ${until} FROM made)`
        : `key_row AS (UPDATE idempotency_key k SET fingerprint = ${fingerprint}, answer = ${KEPT_MADE},
            expires_at = ${until} FROM made WHERE k.batch_id = made.id AND k.answer IS NULL)`,
    );
  }
  if (dedup)
    ctes.push(`content_row AS (INSERT INTO content_key (client_id, hash, batch_id, expires_at)
      SELECT made."clientId", ${values.add(Buffer.from(totals.contentHash, "hex"), "bytea")}, made.id,
        ${NOW} + ${values.add(dedup.keepMs, "bigint")} FROM made)`);
  return ctes;
}

/** Why a commit wrote nothing, if that is still so. */
export const whyNot = (sql: Sql, commit: UploadCommit): Promise<UploadOutcome | null> =>
  refusalOf(
    {
      isOurs: (id) => isOurs(sql, id),
      keyHolder: (clientId, key) => keyHolder(sql, clientId, key),
      sameContent: (clientId, hash) => sameContent(sql, clientId, hash),
      usage: (clientId) => usage(sql, clientId),
    },
    commit,
  );

const isOurs = async (sql: Sql, id: number) =>
  (await sql.get("SELECT 1 FROM batch WHERE id = $1 AND state = 'receiving' AND fence = 0", id)) !== undefined;

async function sameContent(sql: Sql, clientId: number, hash: string) {
  const raw = await sql.get<RawBatch>(
    `SELECT ${liveColumns} FROM ${LIVE} WHERE batch.state NOT IN ${CAME_TO_NOTHING} AND batch.id =
       (SELECT batch_id FROM content_key WHERE client_id = $1 AND hash = $2 AND expires_at > ${NOW})`,
    clientId,
    Buffer.from(hash, "hex"),
  );
  return raw ? batchRow(raw) : null;
}

/** Deletes what stands in a commit's way and holds nothing any more. */
export async function clearStale(sql: Sql, { key, dedup, batch, totals }: UploadCommit): Promise<void> {
  if (key) await clearKey(sql, batch.clientId, key.key);
  if (dedup)
    // A batch that this snapshot does not show was made after it, so it is no reason.
    await sql.all(
      `DELETE FROM content_key c WHERE c.client_id = $1 AND c.hash = $2 AND (c.expires_at <= ${NOW}
         OR EXISTS (SELECT 1 FROM batch b WHERE b.id = c.batch_id AND b.state IN ${CAME_TO_NOTHING}))`,
      batch.clientId,
      Buffer.from(totals.contentHash, "hex"),
    );
}

export async function clearKey(sql: Sql, clientId: number, key: string): Promise<void> {
  await sql.all(
    `DELETE FROM idempotency_key k WHERE k.client_id = $1 AND k."key" = $2 AND k.answer IS NOT NULL AND (k.expires_at <= ${NOW}
       OR (k.batch_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM batch b WHERE b.id = k.batch_id)))`,
    clientId,
    key,
  );
}

interface RawKey {
  batchId: number | null;
  fingerprint: string;
  answer: string | null;
}

export async function keyHolder(sql: Sql, clientId: number, key: string): Promise<KeyHolder | null> {
  const raw = await sql.get<RawKey>(
    `SELECT batch_id AS "batchId", encode(fingerprint, 'hex') AS fingerprint, answer FROM idempotency_key
     WHERE client_id = $1 AND "key" = $2 AND (expires_at > ${NOW} OR answer IS NULL)`,
    clientId,
    key,
  );
  if (!raw) return null;
  if (raw.answer === null) return { state: "running" };
  const batch = await sql.get<RawBatch>(`SELECT ${batchColumns()} FROM batch WHERE id = $1`, raw.batchId);
  const answer = answerOf(raw.answer, batch, batchRow);
  return answer && { state: "done", fingerprint: raw.fingerprint, answer };
}

export async function heldBy(sql: Sql, clientId: number, key: string): Promise<{ holder: KeyHolder } | null> {
  const holder = await keyHolder(sql, clientId, key);
  return holder && { holder };
}

const ANSWER_OURS = `UPDATE idempotency_key SET fingerprint = $3, answer = $4, expires_at = ${NOW} + $5::bigint, batch_id = NULL
  WHERE client_id = $1 AND "key" = $2 AND batch_id = $6 AND answer IS NULL RETURNING 1 AS done`;
const ANSWER_NEW = `INSERT INTO idempotency_key (client_id, "key", fingerprint, answer, expires_at)
  SELECT $1::bigint, $2::varchar, $3::bytea, $4::text, ${NOW} + $5::bigint
  WHERE NOT EXISTS (SELECT 1 FROM idempotency_key WHERE client_id = $1::bigint AND "key" = $2::varchar) RETURNING 1 AS done`;

export async function answerKey(
  sql: Sql,
  clientId: number,
  { key, fingerprint, keepMs }: UploadKey & { fingerprint: string },
  id: number | null,
  answer: UploadAnswer,
): Promise<KeyHolder | null> {
  const hash = Buffer.from(fingerprint, "hex");
  const values = [clientId, key, hash, keptWhole(answer), keepMs];
  const [text, all] = id === null ? [ANSWER_NEW, values] : [ANSWER_OURS, [...values, id]];
  const { holder } = await decided(
    async () => ((await sql.get(text, ...all)) ? { holder: null } : null),
    () => heldBy(sql, clientId, key),
    () => clearKey(sql, clientId, key),
  );
  return holder;
}

export async function usage(sql: Sql, clientId: number): Promise<DayUsage> {
  const row = await sql.get<DayUsage>(
    `SELECT coalesce(u.bytes, 0) AS bytes, coalesce(u.records, 0) AS records, ${DAY_MS} - ${NOW} % ${DAY_MS} AS "msLeft"
     FROM (SELECT 1) AS one LEFT JOIN client_usage u ON u.client_id = $1 AND u.day = ${TODAY}`,
    clientId,
  );
  return row as DayUsage;
}
