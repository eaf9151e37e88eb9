/** Retries units after transient errors, and commits the batches of a group one by one. */
import { setTimeout as pause } from "node:timers/promises";
import type { ChunkCommit, Written } from "../../services/batch/batch.writes.domain.ts";
import type { BatchStore } from "../store.ts";
import { isUnavailable } from "../unavailable.ts";

const MOST_TRIES = 6;

/**
 * Runs a unit, and runs it again after a transient error (a deadlock, a serialization failure). A unit that fails with
 * a transient error has written nothing. The tries are separated by pauses with jitter, and end after `mostMs`. `told`
 * translates the last error for the caller.
 */
export async function withRetries<T>(
  unit: () => Promise<T>,
  {
    isTransient,
    told,
    mostMs,
  }: { isTransient(error: unknown): boolean; told(error: unknown): unknown; mostMs: number },
): Promise<T> {
  const beganAt = performance.now();
  for (let tries = 1; ; tries++) {
    try {
      return await unit();
    } catch (error) {
      if (!isTransient(error) || tries === MOST_TRIES || performance.now() - beganAt > mostMs) throw told(error);
      await pause(2 ** tries * 5 * Math.random());
    }
  }
}

/**
 * Commits each batch of a group in a unit of its own, all at the same time. This is for groups whose common unit failed
 * or is not possible. Commits with unique keys run one after the other: if two batches have the same key, the record of
 * the first batch must count. Throws DatabaseUnavailable if one commit did, because the outcome of the group is unknown
 * then.
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
