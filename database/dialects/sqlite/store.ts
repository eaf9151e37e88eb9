import type { DeliveryStore } from "../../deliveries.ts";
import type { LockStore } from "../../locks.ts";
import type { BatchStore, ChunkCommit, OutboxDraft, StoredChunk, Written } from "../../store.ts";
import { deliveries } from "../../units/deliveries.ts";
import { locks } from "../../units/locks.ts";
import { sharedStore } from "../../units/store.ts";
import { Units } from "../../units/unit.ts";
import { verified } from "../../verified.ts";
import { chosen } from "../../waiting.ts";
import type { SqliteClient } from "./client.ts";
import { errorOf } from "./failure.ts";
import { runnerOn } from "./render.ts";

const on = (client: SqliteClient) => new Units(runnerOn(client));

/** The seam, as messages to the thread: each method is one unit there. */
/** Compressing costs a small POST 15 % of the thread that takes it in, to save a few kB of a local file for seconds. */
const LEAST_COMPRESSED = 32 * 1024;

export const sqliteStore = (client: SqliteClient): BatchStore => verified(unverified(client), () => {});

function unverified(client: SqliteClient): BatchStore {
  return {
    ...sharedStore(on(client)),
    leastCompressed: LEAST_COMPRESSED,
    beginUpload: (batch, leaseMs) => client.call("beginUpload", batch, leaseMs),
    beginKeyedUpload: (batch, leaseMs, key) => client.call("beginKeyedUpload", batch, leaseMs, key),
    appendChunks: (id, chunks, leaseMs) => {
      const { packed, size, transfer } = pack(chunks);
      return client.send("appendChunks", [id, packed, leaseMs], size, transfer);
    },
    touchUploads: (ids, leaseMs) => client.call("touchUploads", ids, leaseMs),
    commitUpload: async (commit) => {
      const { packed, size, transfer } = pack(commit.chunks);
      const done = await client.send("commitUpload", [{ ...commit, chunks: packed }], size, transfer);
      return done.outcome === "stored" ? { outcome: "stored", ...(written(done, commit.events) as Written) } : done;
    },
    voidUpload: (id, onlyDue) => client.call("voidUpload", id, onlyDue),
    keyHolder: (clientId, key) => client.call("keyHolder", clientId, key),
    answerKey: (clientId, key, id, answer) => client.call("answerKey", clientId, key, id, answer),
    usage: (clientId) => client.call("usage", clientId),
    candidates: (limit, together = 0) =>
      chosen(
        {
          look: (most, spare) => client.call("candidates", most, spare, together),
          settle: (clientIds) => client.call("settleQueues", clientIds),
        },
        limit,
        together,
      ),
    claim: (id, owner, leaseMs) => client.call("claim", id, owner, leaseMs),
    claimGroup: (ids, owner, leaseMs) => client.call("claimGroup", ids, owner, leaseMs),
    readChunk: (id, no) => client.call("readChunk", id, no),
    commitChunk: async (commit) => {
      const done = await client.send("commitChunk", [commit], sizeOf(commit), []);
      return written(done, commit.end?.events ?? []);
    },
    commitChunks: async (commits) => {
      const size = commits.reduce((sum, { text }) => sum + text.length, 0);
      const all = await client.send("commitChunks", [commits], size, []);
      return all.map((one, i) =>
        "failure" in one
          ? { status: "rejected", reason: errorOf(one.failure) }
          : { status: "fulfilled", value: written(one.done, commits[i]?.end?.events ?? []) },
      );
    },
    reserveKeys: (id, fence, chunk, keys) => client.call("reserveKeys", id, fence, chunk, keys),
    extendLeases: (owner, ids, leaseMs) => client.call("extendLeases", owner, ids, leaseMs),
    move: async (move) => written(await client.call("move", move), move.events),
    due: (state, limit) => client.call("due", state, limit),
    voided: (limit) => client.call("voided", limit),
    voidLeases: () => client.call("voidLeases"),
    purgeChunks: (id, limit, due) => client.call("purgeChunks", id, limit, due),
    deleteBatch: (id, limit) => client.call("deleteBatch", id, limit),
    staleErrors: (limit) => client.call("staleErrors", limit),
    deleteStaleErrors: (stale, limit) => client.call("deleteStaleErrors", stale, limit),
    batch: (publicId, clientId) => client.call("batch", publicId, clientId),
    childOf: (id) => client.call("childOf", id),
    list: (query) => client.call("list", query),
    changed: (seen) => client.call("changed", seen),
    errors: (id, after, limit, maxBytes) => client.call("errors", id, after, limit, maxBytes),
    records: (id, after, limit, maxBytes) => client.call("records", id, after, limit, maxBytes),
  };
}

export const sqliteLocks = (client: SqliteClient): LockStore => locks(on(client));

export const sqliteDeliveries = (client: SqliteClient): DeliveryStore => deliveries(on(client));

/** The one copy of each body: the caller keeps its own, and a view on a pool's buffer would send the whole pool. */
function pack(chunks: StoredChunk[]) {
  const packed = chunks.map((chunk) => ({ ...chunk, body: Uint8Array.from(chunk.body) }));
  const transfer = packed.map(({ body }) => body.buffer);
  return { packed, transfer, size: transfer.reduce((sum, { byteLength }) => sum + byteLength, 0) };
}

/** What is rejected is written too: a chunk of long records that are all wrong must not share its group with as large ones. */
const sizeOf = ({ text, errors }: ChunkCommit): number =>
  errors.reduce((size, { raw }) => size + raw.length, text.length);

function written(done: { batch: Written["batch"]; outbox: number[] } | null, events: OutboxDraft[]): Written | null {
  if (!done) return null;
  const outbox = events.map((event, i) => ({ ...event, id: done.outbox[i] as number, attempts: 0 }));
  return { batch: done.batch, outbox };
}
