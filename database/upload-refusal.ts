/** Why the commit of an upload may be refused: its idempotency key, its content (dedup), or its client's quota. */

import type { BatchRow } from "../services/batch/batch.domain.ts";
import type { DayUsage, KeyHolder, UploadCommit, UploadOutcome } from "../services/imports/imports.domain.ts";
import { DatabaseUnavailable } from "./errors.ts";

/**
 * How many times a refused upload is tried. Other nodes may change the rows between the write and the reads. After the last try
 * the caller gets DatabaseUnavailable.
 */
const MOST_TRIES = 20;

/**
 * Runs `write` until it has written or `refusal` finds a reason why it may not. `write` inserts a key only where it sees none,
 * so a refused write changes nothing. If another node inserts the same key at the same time, the write fails on the unique
 * index, which is a transient error, and is retried. `clear` deletes expired keys between two tries.
 */
export async function writtenOrRefused<T, R>(
  write: () => Promise<T | null>,
  refusal: () => Promise<R | null>,
  clear: () => Promise<void>,
): Promise<T | R> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const made = (await write()) ?? (await refusal());
    if (made) return made;
    await clear();
  }
  throw new DatabaseUnavailable("The keys of this upload change too quickly.");
}

/** States that end a batch without success. Such a batch does not make the same content a duplicate. */
export const UNSUCCESSFUL = "('failed', 'rejected', 'cancelled')";

/** The reads that tell why an upload was refused. */
export interface RefusalReads {
  /**
   * Whether the upload may still be committed: no sweep has taken its receiving row, and a checked batch has not
   * changed.
   */
  isOurs(id: number, checked: UploadCommit["checked"]): Promise<boolean>;
  keyHolder(clientId: number, key: string): Promise<KeyHolder | null>;
  /** The batch with the same content. Null: there is none, or it ended without success. */
  sameContent(clientId: number, hash: string): Promise<BatchRow | null>;
  usage(clientId: number): Promise<DayUsage>;
  /** How many places the lane has given. */
  placesOf(clientId: number, lane: string): Promise<number>;
}

/** Why the commit of an upload wrote nothing. Null: no reason holds any more, so the commit may be tried again. */
export async function uploadRefusal(reads: RefusalReads, commit: UploadCommit): Promise<UploadOutcome | null> {
  const { id, checked, key, dedup, quota, order, batch, totals, spent: counted = totals } = commit;
  if (id !== null && !(await reads.isOurs(id, checked))) return { outcome: "swept" };
  const holder = key && id === null ? await reads.keyHolder(batch.clientId, key.key) : null;
  if (holder) return { outcome: "repeated", holder };
  const earlier = dedup ? await reads.sameContent(batch.clientId, dedup.hash ?? totals.contentHash) : null;
  if (earlier) return { outcome: "duplicate", batch: earlier };
  if (typeof order?.places === "number" && (await reads.placesOf(batch.clientId, order.lane)) !== order.places)
    return { outcome: "overtaken" };
  if (!quota) return null;
  const spent = await reads.usage(batch.clientId);
  const isOver =
    spent.bytes + counted.bytes > (quota.bytes ?? Infinity) ||
    spent.records + counted.records > (quota.records ?? Infinity);
  return isOver ? { outcome: "overQuota", usage: spent } : null;
}
