import type { StoredChunk } from "../../../services/batch/batch.domain.ts";
import type { TableCommit } from "../../../services/batch/batch.table.domain.ts";
import type { ChunkCommit, Written } from "../../../services/batch/batch.writes.domain.ts";
import type { UploadCommit, UploadOutcome } from "../../../services/imports/imports.domain.ts";
import type { OutboxDraft } from "../../../services/outbox/outbox.domain.ts";
import { chooseCandidates } from "../../candidates.ts";
import type { DeliveryStore, LockStore } from "../../store.deliveries.ts";
import type { BatchStore } from "../../store.ts";
import { deliveries } from "../../units/deliveries.ts";
import { locks } from "../../units/locks.ts";
import { sharedStore } from "../../units/store.ts";
import { Units } from "../../units/unit.ts";
import { uploadChecks } from "../../units/uploads.checks.ts";
import { writtenOrRefused } from "../../upload-refusal.ts";
import { verified } from "../../verified.ts";
import type { SqliteClient } from "./client.ts";
import { errorOf } from "./failure.ts";
import { runnerOn } from "./render.ts";

const on = (client: SqliteClient) => new Units(runnerOn(client));

/**
 * Bodies below this size are not compressed. Compressing one would take 15 % of the time of its POST, and save only a
 * few kB of a local file for seconds.
 */
const LEAST_COMPRESSED = 32 * 1024;

/** The store on SQLite. Each method is a message to the thread, which runs it as one unit. */
export const sqliteStore = (client: SqliteClient): BatchStore => verified(unverified(client), () => {});

function unverified(client: SqliteClient): BatchStore {
  const checks = uploadChecks(on(client));
  const stored = async (commit: UploadCommit): Promise<UploadOutcome | null> => {
    const { packed, size, transfer } = pack(commit.chunks);
    const done = await client.send("commitUpload", [{ ...commit, chunks: packed }], size, transfer);
    return done && { outcome: "stored", ...(written(done, commit.events) as Written) };
  };
  return {
    ...sharedStore(on(client), checks),
    leastCompressed: LEAST_COMPRESSED,
    keepsOrder: true,
    commitUpload: (commit) =>
      writtenOrRefused<UploadOutcome, UploadOutcome>(
        () => stored(commit),
        () => checks.refusal(commit),
        () => checks.clearExpired(commit),
      ),
    candidates: (limit, groupSize = 0) =>
      chooseCandidates(
        {
          look: (most, spare) => client.call("candidates", most, spare, groupSize),
          settle: (clientIds) => client.call("settleQueues", clientIds),
        },
        limit,
        groupSize,
      ),
    claim: (id, owner, leaseMs) => client.call("claim", id, owner, leaseMs),
    claimGroup: (ids, owner, leaseMs) => client.call("claimGroup", ids, owner, leaseMs),
    commitChunk: async (commit) => {
      if (commit.table) return commitTable(client, commit, commit.table);
      const text = Uint8Array.from(commit.text);
      const done = await client.send("commitChunk", [{ ...commit, text }], sizeOf(commit), [text.buffer]);
      return written(done, commit.end?.events ?? []);
    },
    commitChunks: async (commits) => {
      const packed = commits.map((commit) => ({ ...commit, text: Uint8Array.from(commit.text) }));
      const transfer = packed.map(({ text }) => text.buffer);
      const size = transfer.reduce((sum, { byteLength }) => sum + byteLength, 0);
      const all = await client.send("commitChunks", [packed], size, transfer);
      return all.map((one, i) =>
        "failure" in one
          ? { status: "rejected", reason: errorOf(one.failure) }
          : { status: "fulfilled", value: written(one.done, commits[i]?.end?.events ?? []) },
      );
    },
  };
}

export const sqliteLocks = (client: SqliteClient): LockStore => locks(on(client));

export const sqliteDeliveries = (client: SqliteClient): DeliveryStore => deliveries(on(client));

/**
 * Commits a chunk of a batch that goes into a table. The bytes of the records are sent along, because an error shows
 * the bytes of the record that the table has refused.
 */
async function commitTable(client: SqliteClient, commit: ChunkCommit, table: TableCommit): Promise<Written | null> {
  const text = Uint8Array.from(commit.text);
  const data = Uint8Array.from(table.origins.data);
  const sent = { ...commit, text, table: { ...table, origins: { ...table.origins, data } } };
  const done = await client.send("commitTable", [sent], sizeOf(commit), [text.buffer, data.buffer]);
  const told = written(done, []);
  return told && done ? { ...told, table: done.table } : null;
}

/**
 * Copies each body once for the move to the thread. The caller keeps the original, which may be part of a pooled
 * buffer.
 */
function pack(chunks: StoredChunk[]) {
  const packed = chunks.map((chunk) => ({ ...chunk, body: Uint8Array.from(chunk.body) }));
  const transfer = packed.map(({ body }) => body.buffer);
  return { packed, transfer, size: transfer.reduce((sum, { byteLength }) => sum + byteLength, 0) };
}

/**
 * The size of a commit, about. Rejected records count too, because they are written as errors, and a group of commits
 * must not hold many large chunks.
 */
const sizeOf = ({ text, errors }: ChunkCommit): number =>
  errors.reduce((size, { raw }) => size + raw.length, text.length);

function written(done: { batch: Written["batch"]; outbox: number[] } | null, events: OutboxDraft[]): Written | null {
  if (!done) return null;
  const outbox = events.map((event, i) => ({ ...event, id: done.outbox[i] as number, attempts: 0 }));
  return { batch: done.batch, outbox };
}
