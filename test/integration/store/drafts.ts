/** What the suites store: small batches. A test states only what matters to it. */
import { randomUUID } from "node:crypto";
import type { Database } from "../../../database/database.ts";
import type { BatchStore } from "../../../database/store.ts";
import type { RejectedRecord } from "../../../formats/formats.ts";
import type { BatchRow, StoredChunk } from "../../../services/batch/batch.domain.ts";
import type { ChunkCommit, Move, Written } from "../../../services/batch/batch.writes.domain.ts";
import type { NewBatch, UploadCommit } from "../../../services/imports/imports.domain.ts";

export const LEASE = 30_000;

/** A trace in the form of `traceText`. */
export const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 a=b,c=d e";

export const newBatch = (clientId: number): NewBatch => ({
  publicId: randomUUID(),
  clientId,
  policyVersion: 1,
  dataset: "default",
  format: "ndjson",
  requestId: "request-1",
  trace: TRACE,
});

export const newClient = (identifier: string) => ({
  publicId: randomUUID(),
  identifier,
  name: "Acme",
  secretHash: Buffer.alloc(32, 7),
  status: "active" as const,
  policyVersion: 1,
  version: 1,
  changedAt: 5,
  createdAt: 5,
});

export const chunk = (no: number, firstRecord = no * 3 + 1, records = 3): StoredChunk => ({
  no,
  firstRecord,
  firstLine: firstRecord,
  records,
  codec: "none",
  oversized: no === 0 ? [1] : [],
  body: Buffer.from(`chunk ${no}`),
});

export const event = (topic: string) => ({ topic, body: JSON.stringify({ type: topic }) });

export function upload(clientId: number, over: Partial<UploadCommit> = {}): UploadCommit {
  return {
    id: null,
    batch: newBatch(clientId),
    chunks: [chunk(0), chunk(1)],
    totals: { bytes: 60, records: 6, chunks: 2, contentHash: "ab".repeat(32), envelope: { header: ["a"] } },
    phase: "deliver",
    state: "ready",
    due: { inMs: 0 },
    reason: null,
    queue: { cap: 2, weight: 1 },
    events: [],
    key: null,
    dedup: null,
    quota: null,
    ...over,
  };
}

/** Commits an upload that nothing refuses. */
export async function stored(store: BatchStore, commit: UploadCommit): Promise<Written> {
  const done = await store.commitUpload(commit);
  if (done.outcome !== "stored") throw new Error(`nothing was stored: ${done.outcome}`);
  return done;
}

export async function ready(store: BatchStore, clientId: number, over: Partial<UploadCommit> = {}): Promise<BatchRow> {
  return (await stored(store, upload(clientId, over))).batch;
}

export async function claimed(store: BatchStore, clientId: number, owner = "node-1"): Promise<BatchRow> {
  const batch = await ready(store, clientId);
  const taken = await store.claim(batch.id, owner, LEASE);
  if (!taken) throw new Error("nothing was claimed");
  return taken.batch;
}

/** The commit of the batch's next chunk of three records. `rejected`: the positions of records that are not stored. */
export function chunkCommit(batch: BatchRow, rejected: number[] = [], over: Partial<ChunkCommit> = {}): ChunkCommit {
  const firstRecord = batch.nextChunk * 3 + 1;
  const places = [0, 1, 2].filter((place) => !rejected.includes(place));
  return {
    id: batch.id,
    fence: batch.fence,
    chunk: batch.nextChunk,
    leaseMs: LEASE,
    firstRecord,
    records: 3,
    text: Buffer.from(places.map((place) => `{"n":${firstRecord + place}}`).join("\n")),
    errors: rejected.map((place) => fault(place, firstRecord + place)),
    unlisted: [],
    counts: { accepted: places.length, rejected: rejected.length, duplicate: 0 },
    next: { phase: "deliver", chunk: batch.nextChunk + 1 },
    end: null,
    ...over,
  };
}

const fault = (index: number, line: number): RejectedRecord => ({
  index,
  line,
  raw: `raw ${line}`,
  errors: [
    { field: "a", code: "type", message: "must be a number" },
    { field: "b", code: "required", message: "is missing" },
  ],
});

export function end(over: Partial<NonNullable<ChunkCommit["end"]>> = {}): ChunkCommit["end"] {
  return {
    state: "completed",
    reason: null,
    due: { inMs: 1000 },
    purge: false,
    events: [event("batch.completed")],
    ...over,
  };
}

/** Makes a batch look as if it had ended and its retention was over. */
export const isOver = ({ sequelize }: Database, id: number) =>
  sequelize.query(`UPDATE "batch" SET "state" = 'cancelled', "due_at" = 1 WHERE "id" = ${id}`);

/** Deletes a batch as the sweep does after its retention. */
export async function deleted(db: Database, id: number): Promise<void> {
  await isOver(db, id);
  while ((await db.store.deleteBatch(id, 10)) !== "done");
}

export function moveOf(batch: BatchRow, to: Move["to"], over: Partial<Move> = {}): Move {
  return {
    id: batch.id,
    from: batch.state,
    to,
    due: { inMs: 0 },
    reason: null,
    attempt: "keep",
    events: [],
    ...over,
  };
}
