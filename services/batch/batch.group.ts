/** Small batches together: their claim, and the commit of a chunk of each in one unit. */
import type { Written } from "../../database/store.ts";
import type { ParamsOf } from "../messages.ts";
import type { BatchRow, Claim } from "./batch.contract.ts";
import type { BatchParts } from "./batch.parts.ts";
import { begun, chunkCommitOf } from "./batch.work.ts";

export async function claimGroup(parts: BatchParts, { ids, owner }: ParamsOf<"batch.claimGroup">): Promise<Claim[]> {
  const claimed = await parts.store.claimGroup(ids, owner, parts.leaseMs);
  return Promise.all(claimed.map((one) => begun(parts, one)));
}

/** In the order of `commits`: the batch as its commit left it (null: it is no longer the worker's), or why it failed. */
export async function commitChunks(parts: BatchParts, { commits }: ParamsOf<"batch.commitChunks">) {
  const made = await Promise.allSettled(commits.map(({ batch, commit }) => chunkCommitOf(parts, batch, commit)));
  const sent = made.filter((one) => one.status === "fulfilled").map(({ value }) => value);
  const settled = sent.length > 0 ? await parts.store.commitChunks(sent) : [];
  announce(parts, settled);
  const results = settled.values();
  return commits.map(({ batch }, i) => {
    const one = made[i] as (typeof made)[number];
    return one.status === "rejected" ? { error: one.reason as unknown } : answerOf(parts, batch, results.next().value);
  });
}

function announce({ figures, announce }: BatchParts, settled: PromiseSettledResult<Written | null>[]): void {
  const written = settled.flatMap((one) => (one.status === "fulfilled" && one.value ? [one.value] : []));
  for (const { batch } of written) figures.moved(batch);
  announce(...written);
}

function answerOf({ figures }: BatchParts, before: BatchRow, one: PromiseSettledResult<Written | null> | undefined) {
  if (one?.status !== "fulfilled") return { error: one?.reason as unknown };
  const batch = one.value?.batch ?? null;
  figures.committed(before, batch);
  return { batch };
}
