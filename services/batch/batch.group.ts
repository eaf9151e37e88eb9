/** Small batches together: their claim, and the commit of a chunk of each in one unit. */
import type { Written } from "../../database/store.ts";
import type { ParamsOf } from "../messages.ts";
import type { BatchRow, Claim } from "./batch.contract.ts";
import type { BatchParts } from "./batch.parts.ts";
import { settle } from "./batch.settle.ts";
import { begun, chunkCommitOf } from "./batch.work.ts";

/** What a run needs of one may not be had (its policy): that one goes back, and is claimed alone from then on. */
export async function claimGroup(parts: BatchParts, { ids, owner }: ParamsOf<"batch.claimGroup">): Promise<Claim[]> {
  const claimed = await parts.store.claimGroup(ids, owner, parts.leaseMs);
  const claims = await Promise.all(claimed.map((one) => begun(parts, one).catch(() => null)));
  const left = claimed.filter((_one, i) => claims[i] === null);
  await Promise.all(left.map(({ batch }) => settle(parts, batch, { outcome: "snooze", delayMs: 0 })));
  return claims.filter((one) => one !== null);
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
