/** The tables of batches: `batch`, `batch_work` (while a worker or an upload holds the batch), chunks, records and errors. */
import type { Envelope, Format } from "../../formats/formats.ts";
import type { BatchState, Phase, Reason } from "../../services/batch/batch.domain.ts";
import type { MoverKind, ToldMove } from "../../services/batch/batch.history.domain.ts";
import { json, table, typed } from "./table.ts";

export const batch = table(
  "batch",
  {
    id: "id",
    publicId: "uuid",
    clientId: "bigint",
    policyVersion: "int",
    state: typed<BatchState>("name"),
    reason: json<Reason | null>("text?"),
    format: typed<Format>("name"),
    envelope: json<Envelope>(),
    /** SHA-256 of the decoded body; null while receiving. */
    contentHash: "hash?",
    /** The batch whose rejected records this batch sends again. */
    parentId: "bigint?",
    requestId: "name?",
    bytes: "bigint",
    records: "bigint",
    /** Chunks that are stored; 0 after they were purged. */
    chunks: "int",
    phase: typed<Phase>("name"),
    nextChunk: "int",
    accepted: "bigint",
    rejected: "bigint",
    duplicate: "bigint",
    fence: "bigint",
    owner: "name?",
    dueAt: "bigint?",
    /** Attempts at the next chunk. Each claim adds one; a commit sets 1, because the same run goes on. */
    attempt: "int",
    attemptsTotal: "int",
    version: "bigint",
    createdAt: "bigint",
    readyAt: "bigint?",
    startedAt: "bigint?",
    finishedAt: "bigint?",
    /** The public id of the batch `parentId`. It stays when retention deletes that batch. */
    retryOf: "uuid?",
    /** Rows of the error report: a rejected record has one for each of its errors. */
    faults: "bigint",
    /** Rejected records that the report does not list. */
    unlisted: "bigint",
    /** How often the batch has started over. The numbers of its errors contain this number (rows.ts, PASS). */
    pass: "int",
    /** The name of the dataset. `default`: the client's own policy. */
    dataset: "name",
    /**
     * The batch's hash in `content_key`, if it differs from `content_hash`: equal contents in two datasets are no
     * duplicates.
     */
    dedupHash: "hash?",
    /** Counts of rows that the batch wrote in the company's own table. Null: its records do not go to such a table. */
    created: "bigint?",
    updated: "bigint?",
    deleted: "bigint?",
    /** `rejected` at the last redrive of the batch. A limit of errors may count only records rejected since then. */
    rejectedBefore: "bigint?",
    /** When the batch was committed after a check (`validateOnly`). */
    committedAt: "bigint?",
    /** The public id of the batch whose rejected records this batch corrects. */
    corrects: "uuid?",
    /** How many of this batch's rejected records later batches have corrected. Null: none. */
    corrected: "bigint?",
    /** The trace of the request that made the batch (lib/trace/trace.ts). Null: the request was not traced. */
    trace: "text?",
  },
  { key: ["id"], writers: ["batch", "imports", "retention"] },
);

/** The moving columns of a batch while a worker runs it (`fence` > 0) or a node receives it (`fence` = 0, no owner). */
export const batchWork = table(
  "batch_work",
  {
    batchId: "bigint",
    clientId: "bigint",
    owner: "name?",
    fence: "bigint",
    /** When the lease expires. In `batch` the column is null meanwhile. */
    dueAt: "bigint",
    pass: "int",
    /** 1: the batch holds a place of its client. 0: another batch of its group holds the group's place. */
    place: "int",
    /** The id of the first batch of its group. Null: the batch was claimed alone. */
    groupId: "bigint?",
    nextChunk: "int",
    phase: typed<Phase>("name"),
    accepted: "bigint",
    rejected: "bigint",
    duplicate: "bigint",
    faults: "bigint",
    unlisted: "bigint",
    attempt: "int",
    version: "bigint",
    created: "bigint?",
    updated: "bigint?",
    deleted: "bigint?",
  },
  { key: ["batchId"], writers: ["batch", "imports"] },
);

export const batchChunk = table(
  "batch_chunk",
  {
    batchId: "bigint",
    no: "int",
    firstRecord: "bigint",
    firstLine: "bigint?",
    records: "int",
    codec: typed<"zstd" | "none">("name"),
    /** Positions of records that were too long. Null: there are none. */
    oversized: json<number[] | null>("text?"),
    body: "bytes",
  },
  { key: ["batchId", "no"], writers: ["imports", "batch", "retention"] },
);

export const record = table(
  "record",
  { batchId: "bigint", seq: "bigint", data: "text" },
  { key: ["batchId", "seq"], writers: ["batch", "retention"] },
);

/** A row for each error of a rejected record. Only the first has `line` and `raw`. `seq` contains the batch's pass (rows.ts, PASS). */
export const recordError = table(
  "record_error",
  {
    batchId: "bigint",
    seq: "bigint",
    n: "int",
    line: "bigint?",
    field: "text?",
    code: "name?",
    message: "text?",
    raw: "text?",
    /** The name of the file's column, if it differs from the field. */
    source: "text?",
    value: "text?",
    /** Only in the first row: the key (hex) of the earlier record that the rejected record would have corrected. */
    corrects: "name?",
  },
  { key: ["batchId", "seq", "n"], writers: ["batch", "retention"] },
);

/**
 * The faults of a batch's pass by field and code. The row without a code counts the faults without a group of their
 * own.
 */
export const errorGroup = table(
  "error_group",
  {
    batchId: "bigint",
    pass: "int",
    /** A hash of field and code. Empty: the row without a code. */
    name: "name",
    field: "text?",
    code: "name?",
    message: "text?",
    /** Examples of wrong values, each as JSON on its own line. A value may occur twice. */
    examples: "text?",
    n: "bigint",
    firstRecord: "bigint?",
    firstLine: "bigint?",
  },
  { key: ["batchId", "pass", "name"], writers: ["batch", "retention"] },
);

/** Failed attempts at batches. */
export const batchAttempt = table(
  "batch_attempt",
  {
    batchId: "bigint",
    /** The number of the attempt among all attempts at the batch. */
    no: "int",
    at: "bigint",
    node: "name",
    code: "name",
    detail: "text",
    /**
     * The attempt's number at its chunk, the chunk, and the batch's state afterwards. Null: an older version wrote the
     * row.
     */
    attempt: "int?",
    chunk: "int?",
    toState: typed<BatchState | null>("name?"),
  },
  { key: ["batchId", "no"], writers: ["batch", "retention"] },
);

/** Changes of state: each hold of a batch, and each change that a person asked for. Other changes have no row. */
export const batchMove = table(
  "batch_move",
  {
    batchId: "bigint",
    n: "int",
    at: "bigint",
    fromState: typed<BatchState>("name"),
    toState: typed<BatchState>("name"),
    kind: typed<MoverKind>("name"),
    who: "name?",
    code: "name?",
    detail: "text?",
    reason: "text?",
    was: json<ToldMove["was"]>("text?"),
  },
  { key: ["batchId", "n"], writers: ["batch", "retention"] },
);

/** Counts of batches by state. The count of a state is the sum of its rows. */
export const batchCount = table(
  "batch_count",
  { id: "id", state: "name", n: "bigint" },
  { key: ["id"], writers: ["triggers of batch"] },
);

/** Earlier passes over batches, whose errors are still to be deleted. */
export const staleErrors = table(
  "stale_errors",
  { batchId: "bigint", pass: "int", since: "bigint" },
  { key: ["batchId", "pass"], writers: ["batch", "retention"] },
);
