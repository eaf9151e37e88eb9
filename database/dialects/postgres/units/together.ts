/** Several small uploads in one statement: one way to the server, one plan, one fsync for all of them. */
import { rowColumns } from "../../../batch.ts";
import type { BatchRow, OutboxRow, StoredChunk, UploadCommit, Written } from "../../../store.ts";
import { hasEnded, jsonOrNull } from "../rows.ts";
import type { Sql } from "../sql.ts";
import {
  type chunkFields,
  type contentFields,
  type eventFields,
  type keyFields,
  type Needs,
  textOf,
  type uploadFields,
} from "./together.text.ts";

type Row<Fields> = { [Name in keyof Fields]?: unknown };

function uploadRow(
  commit: UploadCommit,
  n: number,
): Row<typeof uploadFields & typeof keyFields & typeof contentFields> {
  const { batch, totals, due, state, key, dedup } = commit;
  return {
    n,
    public_id: batch.publicId,
    client_id: batch.clientId,
    policy_version: batch.policyVersion,
    format: batch.format,
    request_id: batch.requestId,
    state,
    ...(due && ("at" in due ? { due_at: due.at } : { due_in: due.inMs })),
    reason: jsonOrNull(commit.reason),
    phase: commit.phase,
    bytes: totals.bytes,
    records: totals.records,
    chunks: totals.chunks,
    content_hash: totals.contentHash,
    envelope: JSON.stringify(totals.envelope),
    is_ready: state === "ready",
    has_ended: hasEnded(state),
    cap: commit.queue.cap,
    weight: commit.queue.weight,
    ...(key && { key: key.key, fingerprint: key.fingerprint, key_kept: key.keepMs }),
    ...(dedup && { content_kept: dedup.keepMs }),
  };
}

function chunkRow(chunk: StoredChunk, n: number, at: number): Row<typeof chunkFields> {
  const { no, records, codec, oversized, body } = chunk;
  return {
    n,
    no,
    first_record: chunk.firstRecord,
    first_line: chunk.firstLine,
    records,
    codec,
    oversized: oversized.length === 0 ? null : JSON.stringify(oversized),
    at,
    size: body.length,
  };
}

function chunksOf(commits: UploadCommit[]) {
  const rows: Row<typeof chunkFields>[] = [];
  const bodies: Uint8Array[] = [];
  let at = 1;
  for (const [n, { chunks }] of commits.entries())
    for (const chunk of chunks) {
      rows.push(chunkRow(chunk, n, at));
      bodies.push(chunk.body);
      at += chunk.body.length;
    }
  return { rows, bodies: Buffer.concat(bodies) };
}

const eventRows = (commits: UploadCommit[]): Row<typeof eventFields>[] =>
  commits.flatMap(({ events }, n) =>
    events.map(({ topic, body, delivery }, m) => ({ n, m, topic, body, delivery_id: delivery?.publicId })),
  );

const needsOf = (commits: UploadCommit[]): Needs => ({
  keys: commits.some(({ key }) => key),
  contents: commits.some(({ dedup }) => dedup),
  deliveries: commits.some(({ events }) => events.some(({ delivery }) => delivery)),
});

const texts = new Map<string, string>();

/** One of eight for each name of the table, each made once. */
function textFor(needs: Needs, batches: string): string {
  const name = [batches, ...Object.values(needs)].join();
  const text = texts.get(name) ?? textOf(needs, batches);
  texts.set(name, text);
  return text;
}

interface Answer {
  now: number;
  /** Place and id of what was written. */
  made: [n: number, id: number][];
  /** In the order of the events. */
  outbox: number[];
}

/**
 * Each upload as it was written; null: its key or its content was not free, and nothing of it was. For uploads without a
 * row, a parent or a quota, no two of which bring the same key or content.
 */
export async function commitTogether(sql: Sql, commits: UploadCommit[]): Promise<(Written | null)[]> {
  const { rows, bodies } = chunksOf(commits);
  const answer = (await sql.get<Answer>(
    textFor(needsOf(commits), sql.names.of("batch")),
    JSON.stringify(commits.map(uploadRow)),
    JSON.stringify(rows),
    bodies,
    JSON.stringify(eventRows(commits)),
  )) as Answer;
  const ids = new Map(answer.made);
  const outbox = answer.outbox.values();
  return commits.map((commit, n) => {
    const id = ids.get(n);
    return id === undefined ? null : writtenOf(commit, id, answer.now, outbox);
  });
}

/** To have its row sent back would cost more than to insert it. */
function writtenOf(commit: UploadCommit, id: number, now: number, ids: Iterator<number>): Written {
  const outbox: OutboxRow[] = commit.events.map((event) => ({ ...event, id: ids.next().value as number, attempts: 0 }));
  return { batch: rowOf(commit, id, now), outbox };
}

/** What nobody has done yet. */
const untouched = Object.fromEntries(rowColumns.map(({ name, isNull }) => [name, isNull ? null : 0]));

function rowOf({ batch, totals, phase, state, due, reason }: UploadCommit, id: number, now: number): BatchRow {
  const given: Partial<BatchRow> = {
    id,
    ...batch,
    ...totals,
    state,
    phase,
    reason,
    version: 1,
    dueAt: due && ("at" in due ? due.at : now + due.inMs),
    createdAt: now,
    readyAt: state === "ready" ? now : null,
    finishedAt: hasEnded(state) ? now : null,
  };
  return { ...untouched, ...given } as BatchRow;
}
