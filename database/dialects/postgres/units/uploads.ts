import { decided } from "../../../decided.ts";
import type { NewBatch, StoredChunk, UploadCommit, UploadOutcome } from "../../../store.ts";
import {
  batchColumns,
  chunksCte,
  dueAt,
  hasEnded,
  identity,
  jsonOrNull,
  outboxCte,
  outboxIds,
  type RawWritten,
  Values,
  written,
} from "../rows.ts";
import { NOW, type Sql } from "../sql.ts";
import { ARRIVED } from "./fairness.ts";
import { clearKey, clearStale, freeConditions, heldBy, keyIsFree, repeatCtes, spentCte, whyNot } from "./repeats.ts";

/** An upload belongs to its node as long as it is this; taking it away raises the fence. */
const OURS = "state = 'receiving' AND fence = 0";

/** CTEs `made` and `work`: a receiving row and its lease, where `condition` holds. */
function begunCtes(batch: NewBatch, lease: string, condition: string, values: Values): string[] {
  const [publicId, clientId, policyVersion, format, requestId] = identity(batch);
  const identified = [
    values.add(publicId, "varchar"),
    values.add(clientId, "bigint"),
    values.add(policyVersion, "int"),
    values.add(format, "varchar"),
    values.add(requestId, "varchar"),
  ].join(", ");
  return [
    `made AS (INSERT INTO batch (public_id, client_id, policy_version, format, request_id, state, envelope,
      bytes, records, chunks, phase, next_chunk, accepted, rejected, duplicate, fence, attempt, attempts_total,
      version, created_at)
    SELECT ${identified}, 'receiving', '{}', 0, 0, 0, 'deliver', 0, 0, 0, 0, 0, 0, 0, 1, ${NOW}${condition}
    RETURNING id, client_id, phase, version)`,
    `work AS (INSERT INTO batch_work (batch_id, client_id, fence, due_at, pass, next_chunk, phase, accepted, rejected, duplicate,
      faults, unlisted, attempt, version)
    SELECT id, client_id, 0, ${lease}, 0, 0, phase, 0, 0, 0, 0, 0, 0, version FROM made)`,
  ];
}

export async function beginUpload(sql: Sql, batch: NewBatch, leaseMs: number): Promise<number> {
  const values = new Values();
  const ctes = begunCtes(batch, `${NOW} + ${values.add(leaseMs, "bigint")}`, "", values);
  const row = await sql.get<{ id: number }>(`WITH ${ctes.join(",\n")} SELECT id FROM made`, ...values.list);
  return (row as { id: number }).id;
}

export async function beginKeyedUpload(sql: Sql, batch: NewBatch, leaseMs: number, key: string) {
  const { clientId } = batch;
  const values = new Values();
  const lease = `${NOW} + ${values.add(leaseMs, "bigint")}`;
  const ctes = [
    ...begunCtes(batch, lease, ` WHERE ${keyIsFree(clientId, key, values)}`, values),
    `key_row AS (INSERT INTO idempotency_key (client_id, "key", batch_id, expires_at)
    SELECT made.client_id, ${values.add(key, "varchar")}, made.id, ${lease} FROM made)`,
  ];
  return decided(
    async () => (await sql.get<{ id: number }>(`WITH ${ctes.join(",\n")} SELECT id FROM made`, ...values.list)) ?? null,
    () => heldBy(sql, clientId, key),
    () => clearKey(sql, clientId, key),
  );
}

export async function appendChunks(sql: Sql, id: number, chunks: StoredChunk[], leaseMs: number): Promise<boolean> {
  const values = new Values();
  const held = `held AS (UPDATE batch_work SET due_at = ${NOW} + ${values.add(leaseMs, "bigint")}
    WHERE batch_id = ${values.add(id)} AND fence = 0 RETURNING batch_id AS id)`;
  const ctes = [held, ...chunksCte(chunks, "held", values)];
  return (await sql.get(`WITH ${ctes.join(",\n")} SELECT id FROM held`, ...values.list)) !== undefined;
}

export async function touchUploads(sql: Sql, ids: number[], leaseMs: number): Promise<void> {
  await sql.all(
    `UPDATE batch_work SET due_at = ${NOW} + $2::bigint WHERE batch_id = ANY($1::bigint[]) AND fence = 0`,
    ids,
    leaseMs,
  );
}

export async function voidUpload(sql: Sql, id: number, onlyDue: boolean): Promise<boolean> {
  // Due at once: should this node die before it has wiped the upload, the sweep finds it.
  const row = await sql.get(
    `WITH held AS MATERIALIZED (SELECT id, due_at FROM batch WHERE id = $1 AND state = 'receiving' FOR NO KEY UPDATE),
     work AS (DELETE FROM batch_work w USING held
       WHERE w.batch_id = held.id AND (w.due_at <= ${NOW} OR NOT $2::boolean) RETURNING w.batch_id),
     made AS (UPDATE batch b SET fence = b.fence + 1, due_at = least(b.due_at, ${NOW}) FROM held
       WHERE b.id = held.id AND (held.due_at <= ${NOW} OR NOT $2::boolean OR EXISTS (SELECT 1 FROM work)) RETURNING b.id),
     freed AS (DELETE FROM idempotency_key k USING made WHERE k.batch_id = made.id AND k.answer IS NULL)
     SELECT id FROM made`,
    id,
    onlyDue,
  );
  return row !== undefined;
}

export async function commitUpload(sql: Sql, commit: UploadCommit): Promise<UploadOutcome> {
  const values = new Values();
  const text = commitText(commit, values);
  return decided<UploadOutcome, UploadOutcome>(
    async () => {
      const done = written(await sql.get<RawWritten>(text, ...values.list), commit.events);
      return done && { outcome: "stored", ...done };
    },
    () => whyNot(sql, commit),
    () => clearStale(sql, commit),
  );
}

/** One statement. `held` and `spent` are there only where a quota is: they decide before anything is written. */
function commitText(commit: UploadCommit, values: Values): string {
  const { id } = commit;
  const from = commit.quota ? "spent" : null;
  const free = freeConditions(commit, values);
  const made =
    id === null
      ? insertWhole(commit, from, from ? [] : free, values)
      : finish(id, commit, from, from ? [] : free, values);
  const arrived = `arrived AS (SELECT made."clientId" AS client_id, ${commit.state === "ready" ? 'made."dueAt"' : "NULL::bigint"} AS due_at,
    ${values.add(commit.queue.cap, "int")} AS cap, ${values.add(commit.queue.weight, "int")} AS weight FROM made)`;
  const ctes = [
    ...(from ? [heldCte(id, free, values), spentCte(commit, values)] : []),
    `made AS (${made} RETURNING ${batchColumns()})`,
    ...(id === null ? [] : ["work AS (DELETE FROM batch_work w USING made WHERE w.batch_id = made.id)"]),
    ...repeatCtes(commit, values),
    ...chunksCte(commit.chunks, "made", values),
    arrived,
    ...ARRIVED,
    outboxCte(commit.events, "made", values),
  ];
  return `WITH ${ctes.join(",\n")} SELECT made.*, ${outboxIds} FROM made`;
}

const where = (conditions: string[]) => (conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "");

/** CTE `held`: a row where the commit may write. The batch is locked before the usage, as everywhere. */
function heldCte(id: number | null, free: string[], values: Values): string {
  if (id === null) return `held AS MATERIALIZED (SELECT 1${where(free)})`;
  const ours = [`id = ${values.add(id, "bigint")}`, OURS, ...free];
  return `held AS MATERIALIZED (SELECT 1 FROM batch${where(ours)} FOR NO KEY UPDATE)`;
}

/** What both ways into the table set, by column. */
function outcome({ state, due, reason, phase, totals, parent }: UploadCommit, values: Values): Record<string, string> {
  return {
    state: values.add(state, "varchar"),
    due_at: dueAt(due, values),
    reason: values.add(jsonOrNull(reason), "text"),
    phase: values.add(phase, "varchar"),
    bytes: values.add(totals.bytes, "bigint"),
    records: values.add(totals.records, "bigint"),
    chunks: values.add(totals.chunks, "int"),
    content_hash: values.add(Buffer.from(totals.contentHash, "hex"), "bytea"),
    envelope: values.add(JSON.stringify(totals.envelope), "text"),
    ready_at: state === "ready" ? NOW : "NULL",
    parent_id: values.add(parent?.id ?? null, "bigint"),
    retry_of: values.add(parent?.publicId ?? null, "varchar"),
    finished_at: hasEnded(state) ? NOW : "NULL",
  };
}

function insertWhole(commit: UploadCommit, from: string | null, free: string[], values: Values): string {
  const [publicId, clientId, policyVersion, format, requestId] = identity(commit.batch);
  const columns: Record<string, string> = {
    ...outcome(commit, values),
    public_id: values.add(publicId, "varchar"),
    client_id: values.add(clientId, "bigint"),
    policy_version: values.add(policyVersion, "int"),
    format: values.add(format, "varchar"),
    request_id: values.add(requestId, "varchar"),
    created_at: NOW,
    version: "1",
  };
  for (const name of ["next_chunk", "accepted", "rejected", "duplicate", "fence", "attempt", "attempts_total"])
    columns[name] = "0";
  const source = `${from ? ` FROM ${from}` : ""}${where(free)}`;
  return `INSERT INTO batch (${Object.keys(columns).join(", ")}) SELECT ${Object.values(columns).join(", ")}${source}`;
}

function finish(id: number, commit: UploadCommit, from: string | null, free: string[], values: Values): string {
  const sets = Object.entries(outcome(commit, values)).map(([column, value]) => `${column} = ${value}`);
  const ours = [`batch.id = ${values.add(id, "bigint")}`, OURS, ...free];
  return `UPDATE batch SET ${sets.join(", ")}, version = version + 1${from ? ` FROM ${from}` : ""}${where(ours)}`;
}
