/**
 * The statement that commits several small uploads. Rows are sent as JSON and bodies as bytes, so the text of the
 * statement is the same for any number of uploads.
 */
import { answerColumns } from "../../../idempotency.ts";
import { tableCounts } from "../../../rows.ts";
import { NOW } from "../sql.ts";
import { deliveriesOf, outboxOf, rowsOf } from "./events.text.ts";
import { ARRIVED } from "./fairness.ts";

/** The fields of an upload in the JSON parameter. `n`: the position of the upload. Hashes are in hex. */
export const uploadFields = {
  n: "int",
  public_id: "uuid",
  client_id: "bigint",
  policy_version: "int",
  dataset: "varchar",
  format: "varchar",
  request_id: "varchar",
  trace: "text",
  state: "varchar",
  due_in: "bigint",
  due_at: "bigint",
  reason: "text",
  phase: "varchar",
  bytes: "bigint",
  records: "bigint",
  chunks: "int",
  content_hash: "text",
  dedup_hash: "text",
  envelope: "text",
  is_ready: "bool",
  has_ended: "bool",
  /** The first value of the counts of table rows: 0 for a batch that goes into a table, else NULL. */
  table_rows: "bigint",
  cap: "int",
  weight: "int",
} as const;
export const keyFields = { key: "varchar", fingerprint: "text", key_kept: "bigint" } as const;
export const contentFields = { content_kept: "bigint" } as const;
/**
 * The fields of a chunk in the JSON parameter. `at`: where the chunk's body begins in the joined bodies, counted from
 * 1.
 */
export const chunkFields = {
  n: "int",
  no: "int",
  first_record: "bigint",
  first_line: "bigint",
  records: "int",
  codec: "varchar",
  oversized: "text",
  at: "int",
  size: "int",
} as const;
/** Optional parts of uploads. Each combination of parts is a separate statement, prepared when it is first needed. */
export interface Needs {
  keys: boolean;
  contents: boolean;
  deliveries: boolean;
}

/**
 * Joins the row of `table` that holds the key of upload i, if there is one. LIMIT makes the planner use the index for
 * each upload. Otherwise the planner might read the whole table: it knows neither that there are few uploads, nor how
 * large the table has grown.
 */
const heldBy = (table: string, as: string, condition: string) =>
  `LEFT JOIN LATERAL (SELECT true AS held FROM ${table} ${as} WHERE ${as}.client_id = i.client_id AND ${condition} LIMIT 1) ${as} ON true`;

/**
 * CTE `input`: the uploads whose key and content are free in this snapshot, each with a new id. No other upload is
 * written.
 */
function input({ keys, contents }: Needs, batches: string): string {
  const fields = { ...uploadFields, ...(keys && keyFields), ...(contents && contentFields) };
  const holders = [
    ...(keys ? [heldBy("idempotency_key", "k", `k."key" = i."key"`)] : []),
    ...(contents
      ? [
          heldBy(
            "content_key",
            "c",
            "i.content_kept IS NOT NULL AND c.hash = decode(coalesce(i.dedup_hash, i.content_hash), 'hex')",
          ),
        ]
      : []),
  ];
  const free = ["true", ...(keys ? ["k.held IS NULL"] : []), ...(contents ? ["c.held IS NULL"] : [])];
  return `input AS MATERIALIZED (SELECT nextval(pg_get_serial_sequence('${batches}', 'id')) AS id, i.*
    FROM ${rowsOf("$1", "i", fields)} ${holders.join(" ")} WHERE ${free.join(" AND ")})`;
}

const MADE = `made AS (INSERT INTO batch (id, public_id, client_id, policy_version, dataset, format, request_id, trace, state, due_at, reason,
    phase, bytes, records, chunks, content_hash, dedup_hash, envelope, ready_at, finished_at, created_at, version,
    next_chunk, accepted, rejected, duplicate, fence, attempt, attempts_total, ${tableCounts.join(", ")})
  SELECT id, public_id, client_id, policy_version, dataset, format, request_id, trace, state, coalesce(due_at, ${NOW} + due_in), reason,
    phase, bytes, records, chunks, decode(content_hash, 'hex'), decode(dedup_hash, 'hex'), envelope, CASE WHEN is_ready THEN ${NOW} END,
    CASE WHEN has_ended THEN ${NOW} END, ${NOW}, 1, 0, 0, 0, 0, 0, 0, 0,
    ${tableCounts.map(() => "table_rows").join(", ")} FROM input
  RETURNING id, state, reason, phase, chunks, due_at AS "dueAt", version, ready_at AS "readyAt", finished_at AS "finishedAt")`;

/** The answer of a new batch as JSON, equal to that of `newBatchAnswer` in idempotency.ts. */
const KEPT_MADE = `json_build_object('status', 202, 'made',
  json_build_object(${answerColumns.map((name) => `'${name}', made."${name}"`).join(", ")}))::text`;

const KEYS = `key_rows AS (INSERT INTO idempotency_key (client_id, "key", fingerprint, batch_id, answer, expires_at)
  SELECT i.client_id, i."key", decode(i.fingerprint, 'hex'), i.id, ${KEPT_MADE}, ${NOW} + i.key_kept
  FROM input i JOIN made ON made.id = i.id WHERE i."key" IS NOT NULL ORDER BY i.client_id, i."key")`;

const CONTENTS = `content_rows AS (INSERT INTO content_key (client_id, hash, batch_id, expires_at)
  SELECT client_id, decode(coalesce(dedup_hash, content_hash), 'hex'), id, ${NOW} + content_kept
  FROM input WHERE content_kept IS NOT NULL ORDER BY client_id, coalesce(dedup_hash, content_hash))`;

const CHUNKS = `chunk_rows AS (INSERT INTO batch_chunk
    (batch_id, no, first_record, first_line, records, codec, oversized, body)
  SELECT input.id, c.no, c.first_record, c.first_line, c.records, c.codec, c.oversized, substring($3::bytea FROM c.at FOR c.size)
  FROM input JOIN ${rowsOf("$2", "c", chunkFields)} ON c.n = input.n)`;

const QUEUED = `arrived AS MATERIALIZED (SELECT i.client_id, min(made."dueAt") FILTER (WHERE i.is_ready) AS due_at, min(i.cap) AS cap,
    min(i.weight) AS weight
  FROM input i JOIN made ON made.id = i.id GROUP BY i.client_id)`;

/**
 * Makes the statement. Parameters: $1 uploads, $2 chunks, $3 their joined bodies, $4 events. `batches`: the name of the
 * table of batches. Rows that other statements may insert at the same time (keys, contents, client queues) are inserted
 * in order, so that two statements cannot deadlock.
 */
export function textOf(needs: Needs, batches: string): string {
  const ctes = [
    input(needs, batches),
    MADE,
    ...(needs.keys ? [KEYS] : []),
    ...(needs.contents ? [CONTENTS] : []),
    CHUNKS,
    QUEUED,
    ...ARRIVED,
    outboxOf("input", "$4"),
    ...(needs.deliveries ? [deliveriesOf("input", "$4")] : []),
  ];
  return `WITH ${ctes.join(",\n")}
    SELECT ${NOW} AS now, (SELECT coalesce(json_agg(json_build_array(n, id)), '[]') FROM input) AS made,
      (SELECT coalesce(json_agg(id ORDER BY id), '[]') FROM outbox_rows) AS outbox`;
}
