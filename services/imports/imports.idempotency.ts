/** Idempotency keys: an upload that comes again with its key gets the answer of the first one. */
import { createHash } from "node:crypto";
import type { Content } from "../../formats/content.ts";
import { Problem } from "../../lib/errors.ts";
import type { ParamsOf } from "../messages.ts";
import type { Created } from "./imports.contract.ts";
import type { KeyHolder, UploadCommit } from "./imports.domain.ts";
import type { UploadPort } from "./imports.running.ts";

/** The request that an idempotency key stands for. In a form, the file declares the format. */
export type Asked = ParamsOf<"imports.create"> & Content;

/** An upload with a key, as it was answered. */
export type Answered = Extract<KeyHolder, { state: "done" }>;

const KEY_KEPT_MS = 24 * 3_600_000;
/** A smaller body arrives before a look-up of its key would answer. So it is not looked up, and the commit checks the key. */
const LOOKED_UP_BYTES = 64 * 1024;

/**
 * Looks up the key before the body is read. Null: the key is free, or the commit will check it.
 * Throws idempotency-in-progress.
 */
export async function answeredBefore(
  store: Pick<UploadPort, "keyHolder">,
  params: Asked,
  hasQuota: boolean,
): Promise<Answered | null> {
  const { clientId, idempotencyKey: key, contentLength = Infinity } = params;
  // The key is looked up before the quota refuses the upload, so that a repeated upload gets its first answer.
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

/** The fingerprint of an upload: its content, how to read it, and its dataset where clients share it. */
function fingerprintOf(params: Asked, contentHash: string): string {
  const { format, charset = "utf-8", delimiter = "", hasHeader, validateOnly, corrects, policy } = params;
  const dataset = policy.dataset ? `\ndataset ${policy.dataset.name}` : "";
  const header = hasHeader === undefined ? "" : `\n${hasHeader}`;
  const check = (validateOnly ? "\ncheck" : "") + (corrects ? `\ncorrects ${corrects}` : "");
  return createHash("sha256")
    .update(`${contentHash}\n${format}\n${charset}\n${delimiter}${header}${dataset}${check}`)
    .digest("hex");
}

/** The answer of the first upload. Throws idempotency-key-reused. */
export function replayed({ fingerprint, answer }: Answered, params: Asked, contentHash: string): Created {
  if (fingerprint !== fingerprintOf(params, contentHash))
    throw new Problem("idempotency-key-reused", "An upload with this key came before, with other content.");
  return { ...answer, isReplayed: true };
}

/** What a commit stores, so that an upload with the same key is recognised. */
export function idempotencyOf(params: Asked, contentHash: string): UploadCommit["key"] {
  const { idempotencyKey: key } = params;
  if (key === undefined) return null;
  return { key, keepMs: KEY_KEPT_MS, fingerprint: fingerprintOf(params, contentHash) };
}
