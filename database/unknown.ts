/**
 * Units whose answer was lost: the connection broke, or was silent for too long, after the statement was sent. It may be
 * done, and it may still be under way on the server, so reading alone would come too early. Each unit here is conditional
 * (or its row is unique), so it is simply sent again, where it waits for the first one's lock: either it does the work, or
 * it finds the condition gone, and the row tells who was faster.
 */
import { setTimeout as pause } from "node:timers/promises";
import { ConstraintViolation, DatabaseUnavailable } from "./errors.ts";
import type {
  BatchRow,
  BatchStore,
  ChunkCommit,
  Move,
  OutboxDraft,
  OutboxRow,
  UploadOutcome,
  Written,
} from "./store.ts";
import { isUnavailable } from "./unavailable.ts";

/** What a dialect reads for it. */
export interface Evidence {
  batchById(id: number): Promise<BatchRow | null>;
  /** The rows of these events that wait for being published. */
  outboxOf(events: OutboxDraft[]): Promise<OutboxRow[]>;
  /** On the monotonic clock: nothing is looked for any longer, for the node stops. Omitted: it has its time. */
  deadline?(): number;
}

/** A database that comes back later than this is away: with the time that the lost answer took, callers (30 s) still hear of it. */
const RESOLVE_MS = 8_000;
const LONGEST_PAUSE_MS = 1_000;
const never = () => Number.POSITIVE_INFINITY;

/** `work`, or `present` where a row with its key is there: the one that was sent before. */
async function unlessPresent<T>(work: () => Promise<T>, present: (violation: unknown) => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConstraintViolation)) throw error;
    return present(error);
  }
}

/** Somebody has made the very step that `move` is, and nobody another one since. */
const isMoved = ({ state, version, fence }: BatchRow, move: Move): boolean =>
  state === move.to && (move.version === undefined ? fence === (move.fence ?? 0) + 1 : version === move.version + 1);

/**
 * `store`, with lost answers resolved where one would cost more than a repetition: a client's upload, a worker's run, a
 * move that somebody asked for, who would be refused for what was done if it was asked for again.
 */
export function resolving(store: BatchStore, { batchById, outboxOf, deadline = never }: Evidence): BatchStore {
  /** Runs `unit`. Once nobody knows what became of it, `again` finds out. Throws the first error where the database stays away. */
  async function resolved<T>(unit: () => Promise<T>, again: () => Promise<T>): Promise<T> {
    try {
      return await unit();
    } catch (lost) {
      if (!(lost instanceof DatabaseUnavailable && lost.isUnknown)) throw lost;
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
    return resolved(begin, () => unlessPresent(begin, present));
  };

  const beginKeyedUpload: BatchStore["beginKeyedUpload"] = (batch, leaseMs, key) => {
    const begin = () => store.beginKeyedUpload(batch, leaseMs, key);
    return resolved(begin, async () => {
      const begun = await begin();
      if ("id" in begun) return begun;
      // Whoever has the key may be this upload itself, sent before.
      const own = await store.batch(batch.publicId, batch.clientId);
      return own ? { id: own.id } : begun;
    });
  };

  const appendChunks: BatchStore["appendChunks"] = (id, chunks, leaseMs) => {
    const append = () => store.appendChunks(id, chunks, leaseMs);
    return resolved(append, () => unlessPresent(append, () => true));
  };

  const commitUpload: BatchStore["commitUpload"] = (upload) => {
    const commit = () => store.commitUpload(upload);
    const { publicId, clientId } = upload.batch;
    const look = async (): Promise<UploadOutcome | null> => {
      const batch = await store.batch(publicId, clientId);
      if (!batch || batch.state === "receiving") return null;
      return { outcome: "stored", ...(await written(batch, upload.events)) };
    };
    const present = async (violation: unknown) => {
      const found = await look();
      if (!found) throw violation;
      return found;
    };
    return resolved(commit, async () => {
      const done = await unlessPresent(commit, present);
      // What stands against it (its key, its content, its day's quota) may be itself, sent before.
      return done.outcome === "stored" ? done : ((await look()) ?? done);
    });
  };

  const claim: BatchStore["claim"] = (id, owner, leaseMs) => {
    const take = () => store.claim(id, owner, leaseMs);
    const look = async () => {
      const batch = await batchById(id);
      // A worker tries one claim at a time: what carries its name now is this one's.
      return batch?.state === "processing" && batch.owner === owner ? { batch, chunk: null } : null;
    };
    return resolved(take, async () => (await take()) ?? look());
  };

  const claimGroup: BatchStore["claimGroup"] = (ids, owner, leaseMs) => {
    const take = () => store.claimGroup(ids, owner, leaseMs);
    return resolved(take, async () => {
      const claimed = await take();
      const known = new Set(claimed.map(({ batch }) => batch.id));
      const others = await Promise.all(ids.filter((id) => !known.has(id)).map((id) => batchById(id)));
      // As with one claim: what carries the worker's name now is of this one.
      const before = others.filter((batch) => batch?.state === "processing" && batch.owner === owner);
      return [...claimed, ...before.map((batch) => ({ batch: batch as BatchRow, chunk: null }))];
    });
  };

  /** A commit that wrote nothing: it was sent before, or the fence was raised. */
  const lookAt = async (chunk: ChunkCommit): Promise<Written | null> => {
    const batch = await batchById(chunk.id);
    // Under one fence nothing but its own commit takes a batch away from a chunk; whoever else does raises the fence.
    return batch?.fence === chunk.fence ? written(batch, chunk.end?.events ?? []) : null;
  };

  const commitChunk: BatchStore["commitChunk"] = (chunk) => {
    const commit = () => store.commitChunk(chunk);
    return resolved(commit, async () => (await commit()) ?? lookAt(chunk));
  };

  const commitChunks: BatchStore["commitChunks"] = (chunks) => {
    const commit = () => store.commitChunks(chunks);
    return resolved(commit, async () => {
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
      // Its events prove it, whatever has become of the batch meanwhile; without them, that it stands where the move led.
      return done.outbox.length > 0 || isMoved(batch, wanted) ? done : null;
    };
    return resolved(make, async () => (await make()) ?? look());
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
