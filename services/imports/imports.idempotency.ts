/** Uploads that come again with the client's own key for them: the first one's answer is given again. */
import { createHash } from "node:crypto";
import type { KeyHolder, UploadCommit } from "../../database/store.ts";
import { Problem } from "../errors.ts";
import type { ParamsOf } from "../messages.ts";
import type { Created } from "./imports.contract.ts";
import type { UploadPort } from "./imports.ports.ts";

type Create = ParamsOf<"imports.create">;

/** An upload with a key, as it was answered. */
export type Answered = Extract<KeyHolder, { state: "done" }>;

const KEY_KEPT_MS = 24 * 3_600_000;
/** Of a body that is no longer than this all has been sent by the time anyone could look: its commit finds out. */
const LOOKED_UP_BYTES = 64 * 1024;

/**
 * Who had the key of an upload before a byte of it is read; null: nobody, or its commit will tell.
 * Throws idempotency-in-progress.
 */
export async function answeredBefore(
  store: Pick<UploadPort, "keyHolder">,
  params: Create,
  hasQuota: boolean,
): Promise<Answered | null> {
  const { clientId, idempotencyKey: key, contentLength = Infinity } = params;
  // A quota that is used up refuses before the commit, and must not refuse what was taken already.
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

/** By it the same upload is known again: what was sent, and how it is to be read. */
function fingerprintOf({ format, charset = "utf-8", delimiter = "" }: Create, contentHash: string): string {
  return createHash("sha256").update(`${contentHash}\n${format}\n${charset}\n${delimiter}`).digest("hex");
}

/** The first one's answer, as it was. Throws idempotency-key-reused. */
export function replayed({ fingerprint, answer }: Answered, params: Create, contentHash: string): Created {
  if (fingerprint !== fingerprintOf(params, contentHash))
    throw new Problem("idempotency-key-reused", "An upload with this key came before, with other content.");
  return { ...answer, isReplayed: true };
}

/** What a commit has to keep, so that an upload with the same key is known again. */
export function idempotencyOf(params: Create, contentHash: string): UploadCommit["key"] {
  const { idempotencyKey: key } = params;
  if (key === undefined) return null;
  return { key, keepMs: KEY_KEPT_MS, fingerprint: fingerprintOf(params, contentHash) };
}
