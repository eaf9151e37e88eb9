/** A group whose batches are claimed and committed each by itself, at once: for what cannot be done in one unit. */
import type { BatchStore, ChunkCommit, Claimed, Written } from "./store.ts";
import { isUnavailable } from "./unavailable.ts";

export async function claimEach(claim: (id: number) => Promise<Claimed | null>, ids: number[]): Promise<Claimed[]> {
  const claimed = await Promise.all(ids.map(claim));
  return claimed.filter((one) => one !== null);
}

/**
 * Those that bring unique keys go one after the other: of a key that two have, the first one's record counts. Throws where the
 * database is away: whoever has sent the group does not know then what became of all of it.
 */
export async function commitEach(
  commit: BatchStore["commitChunk"],
  commits: ChunkCommit[],
): Promise<PromiseSettledResult<Written | null>[]> {
  let before: Promise<unknown> = Promise.resolve();
  const inTurn = (one: ChunkCommit) => {
    const done = before.then(() => commit(one));
    before = done.catch(() => {});
    return done;
  };
  const settled = await Promise.allSettled(commits.map((one) => (one.unique ? inTurn(one) : commit(one))));
  for (const one of settled) if (one.status === "rejected" && isUnavailable(one.reason)) throw one.reason;
  return settled;
}
