/** The statement that commits several small uploads: rows come in as JSON, bodies as bytes, so it is one whatever their number. */
import { NOW } from "../sql.ts";
import { ARRIVED } from "./fairness.ts";
import { KEPT_MADE } from "./repeats.ts";

/** What the statement takes of each upload (`n` is its place), chunk and event. Hashes come in hex. */
export const uploadFields = {
  n: "int",
  public_id: "uuid",
  client_id: "bigint",
  policy_version: "int",
  format: "varchar",
  request_id: "varchar",
  state: "varchar",
  due_in: "bigint",
  due_at: "bigint",
  reason: "text",
  phase: "varchar",
  bytes: "bigint",
  records: "bigint",
  chunks: "int",
  content_hash: "text",
  envelope: "text",
  is_ready: "bool",
  has_ended: "bool",
  cap: "int",
  weight: "int",
} as const;
export const keyFields = { key: "varchar", fingerprint: "text", key_kept: "bigint" } as const;
export const contentFields = { content_kept: "bigint" } as const;
/** `at`: where its body begins in the bytes of all, from 1. */
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
/** `m`: its place among its upload's. `delivery_id`: under which id it goes to the webhook. */
export const eventFields = { n: "int", m: "int", topic: "varchar", body: "text", delivery_id: "uuid" } as const;

/** What only some uploads have; each is another statement, prepared when it is first needed. */
export interface Needs {
  keys: boolean;
  contents: boolean;
  deliveries: boolean;
}

const rowsOf = (parameter: string, as: string, fields: Record<string, string>) =>
  `json_to_recordset(${parameter}::json) AS ${as}(${Object.entries(fields)
    .map(([name, type]) => `"${name}" ${type}`)
    .join(", ")})`;

/**
 * Whether a row of `table` is there for upload i. LIMIT keeps the planner to one look by index for each upload: it knows
 * neither how few uploads come nor, while it keeps the plan, how large the table has grown, and would read all of it.
 */
const heldBy = (table: string, as: string, condition: string) =>
  `LEFT JOIN LATERAL (SELECT true AS held FROM ${table} ${as} WHERE ${as}.client_id = i.client_id AND ${condition} LIMIT 1) ${as} ON true`;

/** Which uploads are written, with their ids: those whose key and content this snapshot shows to be free. */
function input({ keys, contents }: Needs, batches: string): string {
  const fields = { ...uploadFields, ...(keys && keyFields), ...(contents && contentFields) };
  const holders = [
    ...(keys ? [heldBy("idempotency_key", "k", `k."key" = i."key"`)] : []),
    ...(contents
      ? [heldBy("content_key", "c", "i.content_kept IS NOT NULL AND c.hash = decode(i.content_hash, 'hex')")]
      : []),
  ];
  const free = ["true", ...(keys ? ["k.held IS NULL"] : []), ...(contents ? ["c.held IS NULL"] : [])];
  return `input AS MATERIALIZED (SELECT nextval(pg_get_serial_sequence('${batches}', 'id')) AS id, i.*
    FROM ${rowsOf("$1", "i", fields)} ${holders.join(" ")} WHERE ${free.join(" AND ")})`;
}

const MADE = `made AS (INSERT INTO batch (id, public_id, client_id, policy_version, format, request_id, state, due_at, reason,
    phase, bytes, records, chunks, content_hash, envelope, ready_at, finished_at, created_at, version,
    next_chunk, accepted, rejected, duplicate, fence, attempt, attempts_total)
  SELECT id, public_id, client_id, policy_version, format, request_id, state, coalesce(due_at, ${NOW} + due_in), reason,
    phase, bytes, records, chunks, decode(content_hash, 'hex'), envelope, CASE WHEN is_ready THEN ${NOW} END,
    CASE WHEN has_ended THEN ${NOW} END, ${NOW}, 1, 0, 0, 0, 0, 0, 0, 0 FROM input
  RETURNING id, state, reason, phase, chunks, due_at AS "dueAt", version, ready_at AS "readyAt", finished_at AS "finishedAt")`;

const KEYS = `key_rows AS (INSERT INTO idempotency_key (client_id, "key", fingerprint, batch_id, answer, expires_at)
  SELECT i.client_id, i."key", decode(i.fingerprint, 'hex'), i.id, ${KEPT_MADE}, ${NOW} + i.key_kept
  FROM input i JOIN made ON made.id = i.id WHERE i."key" IS NOT NULL ORDER BY i.client_id, i."key")`;

const CONTENTS = `content_rows AS (INSERT INTO content_key (client_id, hash, batch_id, expires_at)
  SELECT client_id, decode(content_hash, 'hex'), id, ${NOW} + content_kept
  FROM input WHERE content_kept IS NOT NULL ORDER BY client_id, content_hash)`;

const CHUNKS = `chunk_rows AS (INSERT INTO batch_chunk
    (batch_id, no, first_record, first_line, records, codec, oversized, body)
  SELECT input.id, c.no, c.first_record, c.first_line, c.records, c.codec, c.oversized, substring($3::bytea FROM c.at FOR c.size)
  FROM input JOIN ${rowsOf("$2", "c", chunkFields)} ON c.n = input.n)`;

const QUEUED = `arrived AS MATERIALIZED (SELECT i.client_id, min(made."dueAt") FILTER (WHERE i.is_ready) AS due_at, min(i.cap) AS cap,
    min(i.weight) AS weight
  FROM input i JOIN made ON made.id = i.id GROUP BY i.client_id)`;

const events = rowsOf("$4", "e", eventFields);

const OUTBOX = `outbox_rows AS (INSERT INTO outbox (topic, body, due_at, attempts)
  SELECT e.topic, e.body, ${NOW}, 0 FROM input JOIN ${events} ON e.n = input.n ORDER BY e.n, e.m RETURNING id)`;

const DELIVERIES = `delivery_rows AS (INSERT INTO delivery
    (public_id, batch_id, client_id, event, body, state, due_at, attempts, created_at)
  SELECT e.delivery_id, input.id, input.client_id, e.topic, e.body, 'pending', ${NOW}, 0, ${NOW}
  FROM input JOIN ${events} ON e.n = input.n WHERE e.delivery_id IS NOT NULL)`;

/**
 * $1 uploads, $2 chunks, $3 their bodies one behind the other, $4 events; `batches` is the name of the table of batches. What
 * others may insert at once too (a key, a content, a client's queue) goes in by its order, so that two statements do not
 * wait for each other.
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
    OUTBOX,
    ...(needs.deliveries ? [DELIVERIES] : []),
  ];
  return `WITH ${ctes.join(",\n")}
    SELECT ${NOW} AS now, (SELECT coalesce(json_agg(json_build_array(n, id)), '[]') FROM input) AS made,
      (SELECT coalesce(json_agg(id ORDER BY id), '[]') FROM outbox_rows) AS outbox`;
}
