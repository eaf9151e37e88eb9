/** The tables of keys that detect repeated uploads (idempotency), repeated contents (dedup) and repeated records (uniqueKey). */
import { table } from "./table.ts";

/** Idempotency keys: the names that clients give to uploads. */
export const idempotencyKey = table(
  "idempotency_key",
  {
    clientId: "bigint",
    key: "name",
    fingerprint: "hash?",
    /** The running upload that holds the key, or the batch that the answer is about. */
    batchId: "bigint?",
    /** The stored answer (idempotency.ts). Null: the upload still runs. */
    answer: "text?",
    expiresAt: "bigint",
  },
  { key: ["clientId", "key"], writers: ["imports", "batch", "retention"] },
);

export const contentKey = table(
  "content_key",
  { clientId: "bigint", hash: "hash", batchId: "bigint", expiresAt: "bigint" },
  { key: ["clientId", "hash"], writers: ["imports", "batch", "retention"] },
);

/** The unique keys of records. */
export const recordKey = table(
  "record_key",
  {
    clientId: "bigint",
    keyHash: "key",
    batchId: "bigint",
    chunkNo: "int",
    /** When the reservation expires. Null: a record is stored under the key, which is no longer only reserved. */
    expiresAt: "bigint?",
    /** When the key of a stored record expires. Null: never. */
    endsAt: "bigint?",
  },
  { key: ["clientId", "keyHash"], writers: ["batch", "retention"] },
);

/** How many records of one batch were counted as duplicates of records of another batch, by their unique keys. */
export const duplicateCount = table(
  "duplicate_count",
  {
    /** The batch that has the unique keys. */
    batchId: "bigint",
    /** The batch of the duplicates. Only its own commits write the row, so they never wait for other batches. */
    byId: "bigint",
    n: "bigint",
  },
  { key: ["batchId", "byId"], writers: ["batch", "retention"] },
);

/**
 * Deleted datasets whose unique keys are still in `record_key`. A row is deleted once none of the dataset's keys is
 * left.
 */
export const endedScope = table(
  "ended_scope",
  {
    clientId: "bigint",
    /** See `scope` of `dataset_pin`. */
    scope: "name",
  },
  { key: ["clientId", "scope"], writers: ["policy", "retention"] },
);
