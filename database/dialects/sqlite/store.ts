import { decided } from "../../decided.ts";
import type { DeliveryStore } from "../../deliveries.ts";
import type { LockStore } from "../../locks.ts";
import type {
  BatchStore,
  ChunkCommit,
  OutboxDraft,
  StoredChunk,
  UploadCommit,
  UploadOutcome,
  Written,
} from "../../store.ts";
import { deliveries } from "../../units/deliveries.ts";
import { locks } from "../../units/locks.ts";
import { repeatsOn } from "../../units/repeats.ts";
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
  const repeats = repeatsOn(on(client));
  const stored = async (commit: UploadCommit): Promise<UploadOutcome | null> => {
    const { packed, size, transfer } = pack(commit.chunks);
    const done = await client.send("commitUpload", [{ ...commit, chunks: packed }], size, transfer);
    return done && { outcome: "stored", ...(written(done, commit.events) as Written) };
  };
  return {
    ...sharedStore(on(client), repeats),
    leastCompressed: LEAST_COMPRESSED,
    keepsOrder: true,
    commitUpload: (commit) =>
      decided<UploadOutcome, UploadOutcome>(
        () => stored(commit),
        () => repeats.whyNot(commit),
        () => repeats.clearStale(commit),
      ),
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
    commitChunk: async (commit) => {
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
