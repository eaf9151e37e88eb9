/** Uploads that come again: by the client's own key for them, or by their content. */
import { createHash } from "node:crypto";
import type { BatchRow, BatchStore, KeyHolder, UploadCommit } from "../../database/store.ts";
import { Problem } from "../errors.ts";
import type { ParamsOf } from "../messages.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { Created } from "./batch.contract.ts";

type Create = ParamsOf<"batch.create">;

const HOUR_MS = 3_600_000;
const KEY_KEPT_MS = 24 * HOUR_MS;
/** Of a body that is no longer than this all has been sent by the time anyone could look: its commit finds out. */
const LOOKED_UP_BYTES = 64 * 1024;

export const inProgress = () =>
  new Problem("idempotency-in-progress", "The first upload with this key still runs.", {
    headers: { "Retry-After": "1" },
  });

/**
 * Who had the key of an upload before a byte of it is read; null: nobody, or its commit will tell.
 * Throws idempotency-in-progress.
 */
export async function doneBefore(store: BatchStore, params: Create, hasQuota: boolean): Promise<Done | null> {
  const { clientId, idempotencyKey: key, contentLength = Infinity } = params;
  // A quota that is used up refuses before the commit, and must not refuse what was taken already.
  if (key === undefined || (contentLength <= LOOKED_UP_BYTES && !hasQuota)) return null;
  return doneOf(await store.keyHolder(clientId, key));
}

export type Done = Extract<KeyHolder, { state: "done" }>;

/** Throws idempotency-in-progress. */
export function doneOf(holder: KeyHolder | null): Done | null {
  if (holder?.state === "running") throw inProgress();
  return holder;
}

/** By it the same upload is known again: what was sent, and how it is to be read. */
export function fingerprintOf({ format, charset = "utf-8", delimiter = "" }: Create, contentHash: string): string {
  return createHash("sha256").update(`${contentHash}\n${format}\n${charset}\n${delimiter}`).digest("hex");
}

/** The first one's answer, as it was. Throws idempotency-key-reused. */
export function replayed({ fingerprint, answer }: Done, params: Create, contentHash: string): Created {
  if (fingerprint !== fingerprintOf(params, contentHash))
    throw new Problem("idempotency-key-reused", "An upload with this key came before, with other content.");
  return { ...answer, isReplayed: true };
}

/** What a commit has to keep, so that the same upload is known again. */
export function repeatsOf(params: Create, contentHash: string, { dedup, dedupHours }: Policy) {
  const { idempotencyKey: key } = params;
  return {
    key: key === undefined ? null : { key, keepMs: KEY_KEPT_MS, fingerprint: fingerprintOf(params, contentHash) },
    dedup: dedup === "allow" ? null : { keepMs: dedupHours * HOUR_MS },
  } satisfies Partial<UploadCommit>;
}

/** An earlier batch has the content: its client is refused, or told of that batch, and with its key told so again. */
export async function sameContent(
  store: BatchStore,
  params: Create,
  { id, key, totals }: UploadCommit,
  earlier: BatchRow,
  { dedup }: Policy,
): Promise<Created> {
  if (dedup === "reject")
    throw new Problem("duplicate-batch", `Batch ${earlier.publicId} has the same content.`, {
      batchId: earlier.publicId,
    });
  const answer = { status: 200, batch: earlier } as const;
  const holder = key && doneOf(await store.answerKey(params.clientId, key, id, answer));
  return holder ? replayed(holder, params, totals.contentHash) : { ...answer, isReplayed: false };
}
