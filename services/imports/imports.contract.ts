import type { Readable } from "node:stream";
import type { BatchRow, UploadAnswer } from "../../database/store.ts";
import { action, typed } from "../declare.ts";
import type { PolicyVersion } from "../policy/policy.contract.ts";

export type Encoding = "identity" | "gzip";

/** What a gzip stream may have beyond what it holds; some of it is always on its way through the decoder. */
export const GZIP_ALLOWANCE = 1024 * 1024;

/** What a body of `maxBytes` may have on the wire. Gzip adds less than a hundredth to what it cannot compress. */
export const mostWireBytes = (encoding: Encoding, maxBytes: number): number =>
  encoding === "identity" ? maxBytes : maxBytes + Math.ceil(maxBytes / 64) + GZIP_ALLOWANCE;

/** How many bytes a digest has, of each algorithm that is checked. */
export const digestBytes = { "sha-256": 32, "sha-512": 64 } as const;

/** The digests that the sender claims for the bytes on the wire. */
export interface Digest {
  algorithm: keyof typeof digestBytes;
  hex: string;
}

/** The result of an upload: a new batch (202), an earlier one of the same content (200), or the answer of the first upload with its key. */
export interface Created extends UploadAnswer {
  isReplayed: boolean;
}

/**
 * The body of an upload. `voided` aborts, with the refusal, where the body turns out to be longer than it said, `revoked`
 * where its client may send nothing any more.
 */
export type UploadBody = Readable & { voided?: AbortSignal; revoked?: AbortSignal };

/** Of the client, as it was looked up for the request: the upload is checked with it, and the batch is pinned to it. */
const policy = typed<PolicyVersion>({ type: "object" });

export const importsActions = {
  /**
   * Takes a body as `ctx.stream` (an UploadBody: wire bytes), and answers the batch once it is committed.
   * Throws malformed-body, empty-body, payload-too-large, too-many-records, validation, unsupported-media-type, too-many-uploads, upload-timeout, unavailable,
   * digest-mismatch, duplicate-batch, idempotency-in-progress, idempotency-key-reused, quota-exceeded.
   */
  create: action({
    clientId: { type: "number" },
    clientPublicId: { type: "string" },
    policy,
    format: { type: "enum", values: ["ndjson", "csv", "json"] },
    charset: { type: "enum", values: ["utf-8", "windows-1252"], optional: true },
    delimiter: { type: "string", optional: true },
    encoding: { type: "enum", values: ["identity", "gzip"] },
    requestId: { type: "string", nullable: true },
    idempotencyKey: { type: "string", min: 1, max: 255, optional: true },
    /** Of the bytes on the wire. */
    digests: { ...typed<Digest[]>({ type: "array" }), optional: true },
    /** Of the bytes on the wire, where it is known before they come. */
    contentLength: { type: "number", optional: true },
  }).answers<Created>(),

  /**
   * The rejected records of a batch that has ended as a new batch, by today's policy; asked again, the same one (`isNew` false).
   * Throws not-found, illegal-state (not ended, nothing rejected), payload-too-large, too-many-records, too-many-uploads.
   */
  retryRejected: action({
    publicId: { type: "string" },
    clientId: { type: "number" },
    clientPublicId: { type: "string" },
    policy,
    requestId: { type: "string", nullable: true },
  }).answers<{ batch: BatchRow; isNew: boolean }>(),

  /** For an API that stops: ends this node's running uploads with `unavailable`. */
  refuseAll: action({}).answers<void>(),
};
