/** Commits several small uploads in one statement: one round trip, one plan and one fsync for all of them. */

import type { BatchRow, StoredChunk } from "../../../../services/batch/batch.domain.ts";
import type { Written } from "../../../../services/batch/batch.writes.domain.ts";
import type { UploadCommit } from "../../../../services/imports/imports.domain.ts";
import type { OutboxRow } from "../../../../services/outbox/outbox.domain.ts";
import { rowColumns } from "../../../rows.ts";
import { hasEnded, jsonOrNull } from "../rows.ts";
import type { Sql } from "../sql.ts";
import { eventRows } from "./events.text.ts";
import {
  type chunkFields,
  type contentFields,
  type keyFields,
  type Needs,
  textOf,
  type uploadFields,
} from "./uploads.group.text.ts";

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
    dataset: batch.dataset,
    format: batch.format,
    request_id: batch.requestId,
    trace: batch.trace,
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
    ...(commit.isIntoTable && { table_rows: 0 }),
    cap: commit.queue.cap,
    weight: commit.queue.weight,
    ...(key && { key: key.key, fingerprint: key.fingerprint, key_kept: key.keepMs }),
    ...(dedup && { content_kept: dedup.keepMs, dedup_hash: dedup.hash ?? null }),
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

const needsOf = (commits: UploadCommit[]): Needs => ({
  keys: commits.some(({ key }) => key),
  contents: commits.some(({ dedup }) => dedup),
  deliveries: commits.some(({ events }) => events.some(({ delivery }) => delivery)),
});

const texts = new Map<string, string>();

/** The statement for these needs. It is made once; there are eight statements for each name of the table. */
function textFor(needs: Needs, batches: string): string {
  const name = [batches, ...Object.values(needs)].join();
  const text = texts.get(name) ?? textOf(needs, batches);
  texts.set(name, text);
  return text;
}

interface Answer {
  now: number;
  /** The position and the id of each upload that was written. */
  made: [n: number, id: number][];
  /** The ids of the outbox rows, in the order of the events. */
  outbox: number[];
}

/**
 * Commits the uploads, and answers each batch as it was written. Null: the upload's key or content was not free, and
 * nothing of the upload was written. The uploads must have no receiving row, parent or quota, and no two may have the
 * same key or content.
 */
export async function commitUploadGroup(sql: Sql, commits: UploadCommit[]): Promise<(Written | null)[]> {
  const { rows, bodies } = chunksOf(commits);
  const answer = (await sql.get<Answer>(
    textFor(needsOf(commits), sql.names.of("batch")),
    JSON.stringify(commits.map(uploadRow)),
    JSON.stringify(rows),
    bodies,
    eventRows(commits.map(({ events }) => events)),
  )) as Answer;
  const ids = new Map(answer.made);
  const outbox = answer.outbox.values();
  return commits.map((commit, n) => {
    const id = ids.get(n);
    return id === undefined ? null : writtenOf(commit, id, answer.now, outbox);
  });
}

/** Builds the answer from the commit, because reading the row back would cost more than inserting it. */
function writtenOf(commit: UploadCommit, id: number, now: number, ids: Iterator<number>): Written {
  const outbox: OutboxRow[] = commit.events.map((event) => ({ ...event, id: ids.next().value as number, attempts: 0 }));
  return { batch: rowOf(commit, id, now), outbox };
}

/** The column values of a batch that no worker has claimed yet. */
const untouched = Object.fromEntries(rowColumns.map(({ name, isNull }) => [name, isNull ? null : 0]));

function rowOf(
  { batch, totals, phase, state, due, reason, isIntoTable }: UploadCommit,
  id: number,
  now: number,
): BatchRow {
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
    ...(isIntoTable && { created: 0, updated: 0, deleted: 0 }),
  };
  return { ...untouched, ...given } as BatchRow;
}
