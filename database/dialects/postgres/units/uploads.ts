import { decided } from "../../../decided.ts";
import type { UploadCommit, UploadOutcome } from "../../../store.ts";
import type { Repeats } from "../../../units/repeats.ts";
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
import { freeConditions, repeatCtes, spentCte } from "./repeats.ts";

/** An upload belongs to its node as long as it is this; taking it away raises the fence. */
const OURS = "state = 'receiving' AND fence = 0";

export async function commitUpload(
  sql: Sql,
  commit: UploadCommit,
  { whyNot, clearStale }: Repeats,
): Promise<UploadOutcome> {
  const values = new Values();
  const text = commitText(commit, values);
  return decided<UploadOutcome, UploadOutcome>(
    async () => {
      const done = written(await sql.get<RawWritten>(text, ...values.list), commit.events);
      return done && { outcome: "stored", ...done };
    },
    () => whyNot(commit),
    () => clearStale(commit),
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
    retry_of: values.add(parent?.publicId ?? null, "uuid"),
    finished_at: hasEnded(state) ? NOW : "NULL",
  };
}

function insertWhole(commit: UploadCommit, from: string | null, free: string[], values: Values): string {
  const [publicId, clientId, policyVersion, format, requestId] = identity(commit.batch);
  const columns: Record<string, string> = {
    ...outcome(commit, values),
    public_id: values.add(publicId, "uuid"),
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
