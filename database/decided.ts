/** Uploads that may be refused (their key, their content, their day's quota), on servers where others write meanwhile. */
import { DatabaseUnavailable } from "./errors.ts";
import type { BatchRow, DayUsage, KeyHolder, UploadCommit, UploadOutcome } from "./store.ts";

/** Rows that change under every look are being fought over; so often is enough for anyone's turn. */
const MOST_TRIES = 20;

/**
 * Tries a unit until it has written, or there is a reason why it may not. It inserts keys only where it sees none, so a
 * refusal writes nothing; one who comes between makes it fail as a whole on the key's index (and be tried again as what
 * passes by itself). Keys whose time is over are deleted between two tries.
 */
export async function decided<T, R>(
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

/** States of a batch that holds its content no longer. */
export const CAME_TO_NOTHING = "('failed', 'rejected', 'cancelled')";

/** What a dialect reads for a refusal. */
export interface Standing {
  /** Whether the receiving row is still its upload's. */
  isOurs(id: number): Promise<boolean>;
  keyHolder(clientId: number, key: string): Promise<KeyHolder | null>;
  /** The batch that has this content, if it has not come to nothing. */
  sameContent(clientId: number, hash: string): Promise<BatchRow | null>;
  usage(clientId: number): Promise<DayUsage>;
}

/** Why a commit wrote nothing, if that is still so: asked only after it. */
export async function refusalOf(standing: Standing, commit: UploadCommit): Promise<UploadOutcome | null> {
  const { id, key, dedup, quota, batch, totals } = commit;
  if (id !== null && !(await standing.isOurs(id))) return { outcome: "swept" };
  const holder = key && id === null ? await standing.keyHolder(batch.clientId, key.key) : null;
  if (holder) return { outcome: "repeated", holder };
  const earlier = dedup ? await standing.sameContent(batch.clientId, totals.contentHash) : null;
  if (earlier) return { outcome: "duplicate", batch: earlier };
  if (!quota) return null;
  const spent = await standing.usage(batch.clientId);
  const isOver =
    spent.bytes + totals.bytes > (quota.bytes ?? Infinity) ||
    spent.records + totals.records > (quota.records ?? Infinity);
  return isOver ? { outcome: "overQuota", usage: spent } : null;
}
