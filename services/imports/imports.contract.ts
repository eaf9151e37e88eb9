import type { Readable } from "node:stream";
import { formats } from "../../formats/formats.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import { action, typed } from "../declare.ts";
import type { PolicyVersion } from "../policy/policy.contract.ts";
import type { CheckedBody, DayUsage, Preview, RowsAgain, TriedBody, UploadAnswer } from "./imports.domain.ts";

/** The content codings of a body. */
export const codings = ["gzip", "deflate", "br", "zstd"] as const;
export type Coding = (typeof codings)[number];

/** How many bytes an encoded stream may have before its ratio to the content is checked. Some bytes are always inside the decoder. */
export const CODING_ALLOWANCE = 1024 * 1024;

/** The most wire bytes of a body of `maxBytes`. No coding adds as much as one per cent to content that it cannot compress. */
export const mostWireBytes = (applied: readonly Coding[], maxBytes: number): number =>
  applied.length === 0 ? maxBytes : maxBytes + Math.ceil(maxBytes / 64) + CODING_ALLOWANCE;

/** The most bytes of a form beside its file. */
export const FORM_ALLOWANCE = 1024 * 1024;

/** A form (RFC 7578) whose only file is the body. */
export interface Form {
  boundary: string;
  /** The format of the file that the request names with `?format=`. */
  named?: string;
}

/** The length of a digest in bytes, for each algorithm that is checked. */
export const digestBytes = { "sha-256": 32, "sha-512": 64 } as const;

/** The sender's digests of the bytes on the wire. */
export interface Digest {
  algorithm: keyof typeof digestBytes;
  hex: string;
}

/** The result of an upload: a new batch (202), an earlier one of the same content (200), or the answer of the first upload with its key. */
export interface Created extends UploadAnswer {
  isReplayed: boolean;
}

/**
 * The body of an upload. `voided` aborts with the refusal if the body is longer than it declared. `revoked` aborts if its client
 * may not send any more.
 */
export type UploadBody = Readable & { voided?: AbortSignal; revoked?: AbortSignal };

/** The client's policy as it was read for the request. The upload is checked with it, and the batch pins it. */
const policy = typed<PolicyVersion>({ type: "object" });

export const importsActions = {
  /**
   * Takes a body as `ctx.stream` (an UploadBody: wire bytes), and answers the batch once it is committed.
   * Throws malformed-body, wrong-columns, empty-body, payload-too-large, too-many-records, validation, unsupported-media-type, too-many-uploads, upload-timeout, unavailable,
   * digest-mismatch, duplicate-batch, idempotency-in-progress, idempotency-key-reused, quota-exceeded.
   */
  create: action({
    clientId: { type: "number" },
    clientPublicId: { type: "string" },
    policy,
    /** Absent for a form, where the part with the file declares the format. */
    format: { type: "enum", values: formats, optional: true },
    form: { ...typed<Form>({ type: "object" }), optional: true },
    /** The name of a known encoding. A BOM in the body takes precedence. */
    charset: { type: "string", optional: true },
    hasHeader: { type: "boolean", optional: true },
    delimiter: { type: "string", optional: true },
    /** The batch is checked, and delivered only once it is committed. */
    validateOnly: { type: "boolean", optional: true },
    /** The public id of the batch whose rejected records it corrects. */
    corrects: { type: "string", optional: true },
    /** The body has merge patches for these records, one a line. `format` is that of the records that they become: NDJSON. */
    isPatches: { type: "boolean", optional: true },
    /** The content codings of the body, in the order in which they were applied. */
    codings: { type: "array", items: { type: "enum", values: codings } },
    requestId: { type: "string", nullable: true },
    idempotencyKey: { type: "string", min: 1, max: 255, optional: true },
    /** The digests of the bytes on the wire. */
    digests: { ...typed<Digest[]>({ type: "array" }), optional: true },
    /** The number of bytes on the wire, if it is known in advance. */
    contentLength: { type: "number", optional: true },
  }).answers<Created>(),

  /**
   * Makes a new batch of the rejected records of an ended batch, by today's policy. A second call answers the same batch
   * (`isNew` false). For an operator the audit has an entry with `reason`.
   * Throws not-found, wrong-columns, illegal-state (not ended, nothing rejected), payload-too-large, too-many-records, too-many-uploads.
   */
  retryRejected: action({
    publicId: { type: "string" },
    clientId: { type: "number" },
    clientPublicId: { type: "string" },
    policy,
    requestId: { type: "string", nullable: true },
    reason: { type: "string", optional: true },
  }).answers<{ batch: BatchRow; isNew: boolean }>(),

  /**
   * Delivers a batch that was only checked, under `policy`. A second call answers the batch as it is (`isNew` false).
   * For an operator the audit has an entry with `reason`.
   * Throws not-found, illegal-state, gone, duplicate-batch, quota-exceeded, unsupported-media-type, payload-too-large, too-many-records.
   */
  commitChecked: action({
    publicId: { type: "string" },
    clientId: { type: "number" },
    clientPublicId: { type: "string" },
    policy,
    reason: { type: "string", optional: true },
  }).answers<{ batch: BatchRow; isNew: boolean }>(),

  /** The first records of a batch, as it reads them. Without `clientId` an operator asks. Throws not-found, gone (its body is not kept any longer). */
  preview: action({
    publicId: { type: "string" },
    clientId: { type: "number", optional: true },
    limit: { type: "number", integer: true, min: 1 },
  }).answers<Preview>(),

  /**
   * Records of an ended batch after the number `after`, from its chunk `chunk` on (omitted: from the one that has them): all, or those
   * that its check refuses. Null: its body is not kept. Throws not-found.
   */
  rows: action({
    publicId: { type: "string" },
    clientId: { type: "number", optional: true },
    after: { type: "number", integer: true, min: 0 },
    chunk: { type: "number", integer: true, min: 0, optional: true },
    isAll: { type: "boolean" },
  }).answers<RowsAgain | null>(),

  /**
   * Checks the first 1 MiB or 5,000 records of a body, which comes as that of `create`. Nothing is stored.
   * Throws malformed-body, wrong-columns, empty-body, payload-too-large, too-many-records, validation, unsupported-media-type,
   * too-many-uploads, upload-timeout, unavailable.
   */
  check: action({
    clientId: { type: "number" },
    policy,
    format: { type: "enum", values: formats, optional: true },
    form: { ...typed<Form>({ type: "object" }), optional: true },
    charset: { type: "string", optional: true },
    hasHeader: { type: "boolean", optional: true },
    delimiter: { type: "string", optional: true },
    codings: { type: "array", items: { type: "enum", values: codings } },
  }).answers<CheckedBody>(),

  /**
   * Checks records against a draft of a dataset: a form as `ctx.stream`, with the draft in its part `dataset`. Without `batch` its file is
   * checked as by `check`; with it the batch's body, or with `onlyRejected` its rejected records. Nothing is stored.
   * Throws what `check` throws, what `policy.changeDataset` throws, not-found, gone, illegal-state (nothing was rejected).
   */
  tryDraft: action({
    name: { type: "string" },
    form: typed<Form>({ type: "object" }),
    /** The client whose override, fields and unique keys count. Left out: the batch's client, or none. */
    clientId: { type: "number", optional: true },
    /** The public id of a batch. */
    batch: { type: "string", optional: true },
    onlyRejected: { type: "boolean", optional: true },
  }).answers<TriedBody>(),

  /** What a client has sent since midnight UTC, against its quotas. Throws unavailable. */
  usage: action({ clientId: { type: "number" } }).answers<DayUsage>(),
  /** How many uploads of a client run on this node. */
  running: action({ clientId: { type: "number" } }).answers<number>(),
  /** Ends this node's running uploads with `unavailable`. Called when the API stops. */
  refuseAll: action({}).answers<void>(),
};
