/** Claims small batches together as a group, and commits one chunk of each of them in one unit. */

import type { ParamsOf } from "../messages.ts";
import type { Claim } from "./batch.contract.ts";
import type { BatchRow } from "./batch.domain.ts";
import { type BatchParts, chunkTold, moved, refused } from "./batch.parts.ts";
import { settle } from "./batch.settle.ts";
import { begun, chunkCommitOf } from "./batch.work.ts";
import type { Written } from "./batch.writes.domain.ts";

/** A batch whose policy cannot be read now is handed back, and is claimed alone from then on. */
export async function claimGroup(parts: BatchParts, { ids, owner }: ParamsOf<"batch.claimGroup">): Promise<Claim[]> {
  const claimed = await parts.store.claimGroup(ids, owner, parts.leaseMs);
  const claims = await Promise.allSettled(claimed.map((one) => begun(parts, one)));
  const left = claimed.filter((_one, i) => claims[i]?.status === "rejected");
  await Promise.all(left.map(({ batch }) => settle(parts, batch, { outcome: "snooze", delayMs: 0 })));
  return claims.flatMap((one) => (one.status === "fulfilled" && one.value ? [one.value] : []));
}

/** Results in the order of `commits`: the batch after its commit, null if it is no longer the worker's, or the error. */
export async function commitChunks(parts: BatchParts, { commits }: ParamsOf<"batch.commitChunks">) {
  const made = await Promise.allSettled(commits.map(({ batch, commit }) => chunkCommitOf(parts, batch, commit)));
  const sent = made.filter((one) => one.status === "fulfilled").map(({ value }) => value);
  const before = commits.filter((_one, i) => made[i]?.status === "fulfilled").map(({ batch }) => batch);
  const settled = sent.length > 0 ? await parts.store.commitChunks(sent) : [];
  for (const [i, batch] of before.entries()) {
    const one = settled[i];
    if (one?.status === "fulfilled" && one.value) chunkTold(parts, batch, one.value.batch);
  }
  announce(parts, settled);
  const results = settled.values();
  const answers = commits.map(({ batch }, i) => {
    const one = made[i] as (typeof made)[number];
    return one.status === "rejected" ? { error: one.reason as unknown } : answerOf(parts, batch, results.next().value);
  });
  return Promise.all(answers);
}

function announce(parts: BatchParts, settled: PromiseSettledResult<Written | null>[]): void {
  const { announce, follow } = parts;
  const written = settled.flatMap((one) => (one.status === "fulfilled" && one.value ? [one.value] : []));
  for (const { batch } of written) moved(parts, batch);
  announce(...written);
  for (const { batch } of written) follow(batch);
}

async function answerOf(parts: BatchParts, before: BatchRow, one: PromiseSettledResult<Written | null> | undefined) {
  if (one?.status !== "fulfilled") return { error: one?.reason as unknown };
  const batch = one.value?.batch ?? null;
  if (batch) parts.figures.committed(before, batch);
  else await refused(parts, before, "commit");
  return { batch };
}
