/**
 * Resolves units with an unknown outcome: the connection broke, or was silent for too long, after the statement was sent. The
 * unit may have taken effect, and it may still be running on the server, so a read alone could come too early. Each unit here
 * is conditional (or inserts a unique row), so it is sent again, and waits for the locks of the first one. Either the second
 * one takes effect, or its condition no longer holds, and the row tells whether the first one took effect.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { BatchRow } from "../services/batch/batch.domain.ts";
import type { ChunkCommit, Move, Written } from "../services/batch/batch.writes.domain.ts";
import type { UploadOutcome } from "../services/imports/imports.domain.ts";
import type { OutboxDraft, OutboxRow } from "../services/outbox/outbox.domain.ts";
import { ConstraintViolation, DatabaseUnavailable, TableFailure } from "./errors.ts";
import type { BatchStore } from "./store.ts";
import { isUnavailable } from "./unavailable.ts";

/** The reads that show whether a unit took effect. */
export interface Evidence {
  batchById(id: number): Promise<BatchRow | null>;
  /** Waits until the rows of these batches are not locked: a unit with a lost answer may still be running. */
  untilFree(ids: number[]): Promise<void>;
  /** The outbox rows of these events. */
  outboxOf(events: OutboxDraft[]): Promise<OutboxRow[]>;
  /** When to give up because the node stops, in monotonic time. Omitted: no limit but RESOLVE_MS. */
  deadline?(): number;
}

/** How long a lost answer is resolved. With the timeout of the lost answer (10 s), the caller still gets an error within its 30 s. */
const RESOLVE_MS = 8_000;
const LONGEST_PAUSE_MS = 1_000;
const never = () => Number.POSITIVE_INFINITY;

/** Runs `work`. If its row exists already (the earlier attempt inserted it), runs `present` instead. */
async function unlessPresent<T>(work: () => Promise<T>, present: (violation: unknown) => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConstraintViolation)) throw error;
    return present(error);
  }
}

/** Whether the batch is in the state to which `move` leads, and has not changed since. */
const isMoved = ({ state, version, fence }: BatchRow, move: Move): boolean =>
  state === move.to && (move.version === undefined ? fence === (move.fence ?? 0) + 1 : version === move.version + 1);

/**
 * The `store`, with lost answers resolved in the methods whose callers cannot simply repeat the call: the commit of an upload,
 * a worker's claim and commit, and a move. A repeated move would be refused if the first one took effect.
 */
export function resolvingOutcomes(
  store: BatchStore,
  { batchById, untilFree, outboxOf, deadline = never }: Evidence,
): BatchStore {
  /** Runs `unit`. If its outcome is unknown, `again` finds it out. Throws the first error if the database stays away. */
  async function resolve<T>(unit: () => Promise<T>, again: () => Promise<T>): Promise<T> {
    try {
      return await unit();
    } catch (lost) {
      if (!(lost instanceof DatabaseUnavailable && lost.isOutcomeUnknown)) throw lost;
      const lostAt = performance.now();
      for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
        await pause(pauseMs * (0.5 + Math.random()));
        try {
          return await again();
        } catch (error) {
          if (!isUnavailable(error)) throw error;
          if (performance.now() > Math.min(lostAt + RESOLVE_MS, deadline())) throw lost;
        }
      }
    }
  }

  const written = async (batch: BatchRow, events: OutboxDraft[]): Promise<Written> => ({
    batch,
    outbox: events.length > 0 ? await outboxOf(events) : [],
  });

  const beginUpload: BatchStore["beginUpload"] = (batch, leaseMs) => {
    const begin = () => store.beginUpload(batch, leaseMs);
    const present = async (violation: unknown) => {
      const begun = await store.batch(batch.publicId, batch.clientId);
      if (!begun) throw violation;
      return begun.id;
    };
    return resolve(begin, () => unlessPresent(begin, present));
  };

  const beginKeyedUpload: BatchStore["beginKeyedUpload"] = (batch, leaseMs, key) => {
    const begin = () => store.beginKeyedUpload(batch, leaseMs, key);
    return resolve(begin, async () => {
      const begun = await begin();
      if ("id" in begun) return begun;
      // The holder of the key may be this upload itself: the first attempt took it.
      const own = await store.batch(batch.publicId, batch.clientId);
      return own ? { id: own.id } : begun;
    });
  };

  const appendChunks: BatchStore["appendChunks"] = (id, chunks, leaseMs) => {
    const append = () => store.appendChunks(id, chunks, leaseMs);
    return resolve(append, () => unlessPresent(append, () => true));
  };

  const commitUpload: BatchStore["commitUpload"] = (upload) => {
    const commit = () => store.commitUpload(upload);
    const { publicId, clientId } = upload.batch;
    const look = async (): Promise<UploadOutcome | null> => {
      const batch = await store.batch(publicId, clientId);
      if (!batch || batch.state === "receiving" || batch.version === upload.checked?.version) return null;
      return { outcome: "stored", ...(await written(batch, upload.events)) };
    };
    const present = async (violation: unknown) => {
      const found = await look();
      if (!found) throw violation;
      return found;
    };
    return resolve(commit, async () => {
      const done = await unlessPresent(commit, present);
      // The reason of the refusal (key, content, quota) may be this upload itself: the first attempt was committed.
      return done.outcome === "stored" ? done : ((await look()) ?? done);
    });
  };

  const claim: BatchStore["claim"] = (id, owner, leaseMs) => {
    const take = () => store.claim(id, owner, leaseMs);
    const look = async () => {
      const batch = await batchById(id);
      // A worker claims one batch at a time, so a batch with this owner was claimed by this call.
      return batch?.state === "processing" && batch.owner === owner ? { batch, chunk: null } : null;
    };
    return resolve(take, async () => {
      // A claim skips locked rows. The first attempt may still hold the lock.
      await untilFree([id]);
      return (await take()) ?? look();
    });
  };

  const claimGroup: BatchStore["claimGroup"] = (ids, owner, leaseMs) => {
    const take = () => store.claimGroup(ids, owner, leaseMs);
    return resolve(take, async () => {
      await untilFree(ids);
      const claimed = await take();
      const known = new Set(claimed.map(({ batch }) => batch.id));
      const others = await Promise.all(ids.filter((id) => !known.has(id)).map((id) => batchById(id)));
      // A worker makes one claim at a time, so batches with this owner were claimed by this call.
      const before = others.filter((batch) => batch?.state === "processing" && batch.owner === owner);
      return [...claimed, ...before.map((batch) => ({ batch: batch as BatchRow, chunk: null }))];
    });
  };

  /** For a commit that wrote nothing: either the first attempt took effect, or another worker has the batch (null). */
  const lookAt = async (chunk: ChunkCommit): Promise<Written | null> => {
    const batch = await batchById(chunk.id);
    // Under one fence only the worker's own commit moves the batch to the next chunk. Everybody else raises the fence.
    return batch?.fence === chunk.fence ? written(batch, chunk.end?.events ?? []) : null;
  };

  /**
   * Whether a chunk for the company's own table must not be sent again: the batch has gone past the chunk, or has
   * another fence. Sending the rows again would wait for their locks, and the commit would then be refused.
   */
  const isBehind = async ({ id, fence, chunk, table }: ChunkCommit): Promise<boolean> => {
    const batch = table ? await batchById(id) : null;
    return batch !== null && (batch.fence !== fence || batch.nextChunk !== chunk);
  };

  const commitChunk: BatchStore["commitChunk"] = (chunk) => {
    const commit = () => store.commitChunk(chunk);
    const again = () =>
      commit().catch((error: unknown) => {
        // The rows may be locked by the commit whose answer was lost.
        throw error instanceof TableFailure ? new DatabaseUnavailable(error.message, { cause: error }) : error;
      });
    return resolve(commit, async () => ((await isBehind(chunk)) ? null : await again()) ?? lookAt(chunk));
  };

  const commitChunks: BatchStore["commitChunks"] = (chunks) => {
    const commit = () => store.commitChunks(chunks);
    return resolve(commit, async () => {
      const looked = (await commit()).map(async (one, i) => {
        if (one.status === "rejected") throw one.reason;
        return one.value ?? lookAt(chunks[i] as ChunkCommit);
      });
      const settled = await Promise.allSettled(looked);
      for (const one of settled) if (one.status === "rejected" && isUnavailable(one.reason)) throw one.reason;
      return settled;
    });
  };

  const move: BatchStore["move"] = (wanted) => {
    const make = () => store.move(wanted);
    const look = async () => {
      const batch = await batchById(wanted.id);
      if (!batch) return null;
      const done = await written(batch, wanted.events);
      // A stored event of the move proves that the move took effect. For a move without events, the batch's state
      // proves it.
      return done.outbox.length > 0 || isMoved(batch, wanted) ? done : null;
    };
    return resolve(make, async () => (await make()) ?? look());
  };

  return {
    ...store,
    beginUpload,
    beginKeyedUpload,
    appendChunks,
    commitUpload,
    claim,
    claimGroup,
    commitChunk,
    commitChunks,
    move,
  };
}
