import { decided } from "../../../decided.ts";
import type { NewBatch, StoredChunk, UploadCommit, UploadOutcome } from "../../../store.ts";
import {
  AT_NOW,
  chunkSteps,
  type Deciding,
  deciding,
  dueAt,
  hasEnded,
  IDENTITY,
  IDS,
  IDS_OF_MADE,
  INTO_MADE,
  identity,
  idsIn,
  jsonOrNull,
  listOf,
  outboxSteps,
  Params,
  type RawWritten,
  unit,
  written,
  writtenUnit,
} from "../rows.ts";
import { big, hash, int, name, type Sql, text, uuid } from "../sql.ts";
import { ARRIVED, insertQueue } from "./fairness.ts";
import { clearKey, clearStale, freeConditions, heldBy, keyIsFree, repeatSteps, spend, whyNot } from "./repeats.ts";
import { freeWork, giveWork } from "./work.ts";

/** An upload belongs to its node as long as it is this; taking it away raises the fence. */
const OURS = "state = 'receiving' AND fence = 0";

/** The INSERT of a receiving row, before its condition. */
const begun = (batch: NewBatch, params: Params) =>
  `INSERT INTO batch (${IDENTITY}, state, envelope, bytes, records, chunks, phase, next_chunk, accepted, rejected,
  duplicate, fence, attempt, attempts_total, version, created_at)
SELECT ${identity(batch, params)}, 'receiving', '{}', 0, 0, 0, 'deliver', 0, 0, 0, 0, 0, 0, 0, 1, @now`;

export async function beginUpload(sql: Sql, batch: NewBatch, leaseMs: number): Promise<number> {
  const params = new Params();
  const text = unit({
    declared: ["@id BIGINT"],
    steps: [
      begun(batch, params),
      "SET @id = SCOPE_IDENTITY()",
      giveWork("@id", `@now + ${params.add(big(leaseMs), "lease")}`),
    ],
    answer: 'SELECT @id AS "id"',
  });
  const row = await sql.get<{ id: number }>(text, params.all);
  return (row as { id: number }).id;
}

export async function beginKeyedUpload(sql: Sql, batch: NewBatch, leaseMs: number, key: string) {
  const params = new Params();
  const lease = `@now + ${params.add(big(leaseMs), "lease")}`;
  const [client, named] = [params.add(big(batch.clientId), "clientId"), params.add(name(key), "key")];
  const text = unit({
    declared: ["@id BIGINT"],
    steps: [
      deciding(`${begun(batch, params)} WHERE ${keyIsFree(client, named)}`),
      "SET @id = SCOPE_IDENTITY()",
      giveWork("@id", lease),
      `INSERT INTO idempotency_key (client_id, "key", batch_id, expires_at) VALUES (${client}, ${named}, @id, ${lease})`,
    ],
    answer: 'SELECT @id AS "id" WHERE @held = 1',
  });
  return decided(
    async () => (await sql.get<{ id: number }>(text, params.all)) ?? null,
    () => heldBy(sql, batch.clientId, key),
    () => clearKey(sql, batch.clientId, key),
  );
}

export async function appendChunks(sql: Sql, id: number, chunks: StoredChunk[], leaseMs: number): Promise<boolean> {
  const params = new Params();
  const batch = params.add(big(id), "id");
  const text = unit({
    steps: [
      deciding(
        `UPDATE batch_work SET due_at = @now + ${params.add(big(leaseMs), "lease")} WHERE batch_id = ${batch} AND fence = 0`,
      ),
      ...chunkSteps(chunks, batch, params),
    ],
    answer: 'SELECT @held AS "held" WHERE @held = 1',
  });
  return (await sql.get(text, params.all)) !== undefined;
}

export async function touchUploads(sql: Sql, ids: number[], leaseMs: number): Promise<void> {
  await sql.all(TOUCH, { ids: listOf(ids), lease: big(leaseMs) });
}

const TOUCH = `${AT_NOW}\nUPDATE batch_work SET due_at = @now + @lease WHERE batch_id IN ${idsIn("@ids")} AND fence = 0;`;

/** Due at once: should this node die before it has wiped the upload, the sweep finds it. */
const voided = (condition: string) =>
  unit({
    steps: [
      deciding("UPDATE batch SET fence = fence WHERE id = @id AND state = 'receiving'"),
      "UPDATE batch_work SET fence = fence WHERE batch_id = @id",
      deciding(`UPDATE batch SET fence = fence + 1, due_at = CASE WHEN due_at < @now THEN due_at ELSE @now END
WHERE id = @id${condition}`),
      freeWork("@id"),
      "DELETE FROM idempotency_key WHERE batch_id = @id AND answer IS NULL",
    ],
    answer: 'SELECT @held AS "held" WHERE @held = 1',
  });
const VOID = voided("");
const VOID_DUE = voided(` AND (due_at <= @now
  OR EXISTS (SELECT 1 FROM batch_work AS w WHERE w.batch_id = @id AND w.due_at <= @now))`);

export async function voidUpload(sql: Sql, id: number, onlyDue: boolean): Promise<boolean> {
  return (await sql.get(onlyDue ? VOID_DUE : VOID, { id: big(id) })) !== undefined;
}

export async function commitUpload(sql: Sql, commit: UploadCommit): Promise<UploadOutcome> {
  const params = new Params();
  const text = commitText(commit, params);
  return decided<UploadOutcome, UploadOutcome>(
    async () => {
      const done = written(await sql.get<RawWritten>(text, params.all), commit.events);
      return done && { outcome: "stored", ...done };
    },
    () => whyNot(sql, commit),
    () => clearStale(sql, commit),
  );
}

/** One batch. What a quota refuses is undone as a whole: its row is locked after all that stands before it in the order. */
function commitText(commit: UploadCommit, params: Params): string {
  const { id, queue } = commit;
  const free = freeConditions(commit, params);
  const steps: (string | Deciding)[] = [
    deciding(id === null ? insertWhole(commit, free, params) : finish(id, commit, free, params)),
    IDS_OF_MADE,
    ...(id === null ? [] : [freeWork("@id")]),
    insertQueue("@client", params.add(int(queue.cap), "cap"), params.add(int(queue.weight), "weight")),
    ...(commit.state === "ready" ? [ARRIVED] : []),
    ...repeatSteps(commit, params),
    ...spend(commit, params),
    ...chunkSteps(commit.chunks, "@id", params),
    ...outboxSteps(commit.events, params),
  ];
  return writtenUnit(commit.events, { declared: IDS, steps });
}

/** What both ways into the table set, by column. */
function outcome({ state, due, reason, phase, totals, parent }: UploadCommit, params: Params): Record<string, string> {
  return {
    state: params.add(name(state), "state"),
    due_at: dueAt(due, params),
    reason: params.add(text(jsonOrNull(reason)), "reason"),
    phase: params.add(name(phase), "phase"),
    bytes: params.add(big(totals.bytes), "bytes"),
    records: params.add(big(totals.records), "records"),
    chunks: params.add(int(totals.chunks), "chunks"),
    content_hash: params.add(hash(totals.contentHash), "contentHash"),
    envelope: params.add(text(JSON.stringify(totals.envelope)), "envelope"),
    ready_at: state === "ready" ? "@now" : "NULL",
    parent_id: params.add(big(parent?.id ?? null), "parentId"),
    retry_of: params.add(uuid(parent?.publicId ?? null), "retryOf"),
    finished_at: hasEnded(state) ? "@now" : "NULL",
  };
}

function insertWhole(commit: UploadCommit, free: string[], params: Params): string {
  const columns = outcome(commit, params);
  for (const column of ["next_chunk", "accepted", "rejected", "duplicate", "fence", "attempt", "attempts_total"])
    columns[column] = "0";
  const where = free.length > 0 ? `\nWHERE ${free.join(" AND ")}` : "";
  return `INSERT INTO batch (${IDENTITY}, created_at, version, ${Object.keys(columns).join(", ")})
${INTO_MADE}
SELECT ${identity(commit.batch, params)}, @now, 1, ${Object.values(columns).join(", ")}${where}`;
}

function finish(id: number, commit: UploadCommit, free: string[], params: Params): string {
  const sets = Object.entries(outcome(commit, params)).map(([column, value]) => `${column} = ${value}`);
  const ours = [`id = ${params.add(big(id), "receiving")}`, OURS, ...free];
  return `UPDATE batch SET ${sets.join(", ")}, version = version + 1\n${INTO_MADE}\nWHERE ${ours.join(" AND ")}`;
}
