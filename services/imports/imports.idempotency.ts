/** Idempotency keys: an upload that comes again with its key gets the answer of the first one. */
import { createHash } from "node:crypto";
import type { KeyHolder, UploadCommit } from "../../database/store.ts";
import { Problem } from "../../lib/errors.ts";
import type { ParamsOf } from "../messages.ts";
import type { Created } from "./imports.contract.ts";
import type { UploadPort } from "./imports.ports.ts";

type Create = ParamsOf<"imports.create">;

/** An upload with a key, as it was answered. */
export type Answered = Extract<KeyHolder, { state: "done" }>;

const KEY_KEPT_MS = 24 * 3_600_000;
/** A body up to this size has arrived before a look-up would answer, so its commit finds out who has the key. */
const LOOKED_UP_BYTES = 64 * 1024;

/**
 * Looks up the key before a byte of the body is read. Null: the key is free, or the commit will decide.
 * Throws idempotency-in-progress.
 */
export async function answeredBefore(
  store: Pick<UploadPort, "keyHolder">,
  params: Create,
  hasQuota: boolean,
): Promise<Answered | null> {
  const { clientId, idempotencyKey: key, contentLength = Infinity } = params;
  // A used-up quota refuses before the commit. It must not refuse an upload that was accepted before.
  if (key === undefined || (contentLength <= LOOKED_UP_BYTES && !hasQuota)) return null;
  const holder = await store.keyHolder(clientId, key);
  return holder && answerIn(holder);
}

/** Throws idempotency-in-progress. */
export function answerIn(holder: KeyHolder): Answered {
  if (holder.state === "done") return holder;
  throw new Problem("idempotency-in-progress", "The first upload with this key still runs.", {
    headers: { "Retry-After": "1" },
  });
}

/** The fingerprint of an upload: its content, and how to read it. */
function fingerprintOf({ format, charset = "utf-8", delimiter = "" }: Create, contentHash: string): string {
  return createHash("sha256").update(`${contentHash}\n${format}\n${charset}\n${delimiter}`).digest("hex");
}

/** The answer of the first upload. Throws idempotency-key-reused. */
export function replayed({ fingerprint, answer }: Answered, params: Create, contentHash: string): Created {
  if (fingerprint !== fingerprintOf(params, contentHash))
    throw new Problem("idempotency-key-reused", "An upload with this key came before, with other content.");
  return { ...answer, isReplayed: true };
}

/** What a commit stores, so that an upload with the same key is recognised. */
export function idempotencyOf(params: Create, contentHash: string): UploadCommit["key"] {
  const { idempotencyKey: key } = params;
  if (key === undefined) return null;
  return { key, keepMs: KEY_KEPT_MS, fingerprint: fingerprintOf(params, contentHash) };
}
