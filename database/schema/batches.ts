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
    /** How often the batch has started over. Errors are numbered by it (rows.ts, PASS). */
    pass: "int",
    /** The name of the dataset. `default`: the client's own policy. */
    dataset: "name",
    /** The hash in `content_key`, if it is not `content_hash`: the same content in two datasets is no duplicate. */
    dedupHash: "hash?",
    /** Rows of the company's own table; null: its records go elsewhere. */
    created: "bigint?",
    updated: "bigint?",
    deleted: "bigint?",
    /** `rejected` when it was last redriven: its limits count from there. */
    rejectedBefore: "bigint?",
    /** When the batch was committed after a check (`validateOnly`). */
    committedAt: "bigint?",
    /** The public id of the batch whose rejected records it corrects. */
    corrects: "uuid?",
    /** How many of its rejected records later batches have corrected; null: none. */
    corrected: "bigint?",
    /** The trace of the request that has made it (lib/trace/trace.ts); null: nobody traced it. */
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
    /** Only in the first row: the key, in hex, of the record that this one would have corrected. */
    corrects: "name?",
  },
  { key: ["batchId", "seq", "n"], writers: ["batch", "retention"] },
);

/** The faults of a batch's pass by field and code. The row without a code counts those that have no group of their own. */
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
    /** Values that were found, each as JSON on a line of its own; one may be there twice. */
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
    /** The attempt's number at its chunk, that chunk, and the state of the batch afterwards. Null: an older version has written the row. */
    attempt: "int?",
    chunk: "int?",
    toState: typed<BatchState | null>("name?"),
  },
  { key: ["batchId", "no"], writers: ["batch", "retention"] },
);

/** Holds of batches, and moves that a person has asked for. Other facts are in the row of the batch, and have no row here. */
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
