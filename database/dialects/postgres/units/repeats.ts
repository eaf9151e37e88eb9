/** What is sent again: keys, contents, and what a client has sent today. */
import { keptColumns } from "../../../answers.ts";
import type { UploadCommit } from "../../../store.ts";
import type { Values } from "../rows.ts";
import { NOW } from "../sql.ts";

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
