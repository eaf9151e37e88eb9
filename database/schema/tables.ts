/**
 * The tables. Times are epoch milliseconds by the database's clock; on what a state or a number means, see the seams
 * (store.ts, deliveries.ts, locks.ts).
 *
 * How to add a column: (1) write it here: types and lists of columns follow; (2) a step in migrations/ adds it, (3) which
 * migrations/migrate.ts names last; (4) the unit in units/ that writes it. Of `batch_work`, see also `staying` in rows.ts.
 *
 * How to add a query: (1) its method in the seam (store.ts); (2) its unit in units/, written once for all dialects (unit.ts
 * tells how); (3) a case in test/unit/mssql/statements.cases.ts, which has its T-SQL read by a parser; (4) its test in the
 * suite that all dialects pass (test/integration/store/).
 */
import type { Envelope, Format } from "../../formats/formats.ts";
import type { DeliveryState } from "../deliveries.ts";
import type { BatchState, Phase, Reason } from "../states.ts";
import { json, table, typed } from "./table.ts";

export const client = table(
  "client",
  {
    id: "id",
    /** UUIDv7: what everyone outside sees. */
    publicId: "uuid",
    identifier: "name",
    name: "name",
    /** SHA-256 of the secret. */
    secretHash: "hash",
    oldSecretHash: "hash?",
    oldSecretUntil: "bigint?",
    status: typed<"active" | "disabled">("name"),
    policyVersion: "int",
    version: "bigint",
    changedAt: "bigint",
    createdAt: "bigint",
  },
  { key: ["id"], writers: ["clientCache", "policy"] },
);

export const policy = table(
  "policy",
  {
    clientId: "bigint",
    version: "int",
    /** The JSON text of the policy. */
    body: "text",
    createdAt: "bigint",
  },
  { key: ["clientId", "version"], writers: ["policy"] },
);

export const webhookSecret = table(
  "webhook_secret",
  {
    clientId: "bigint",
    secret: "name",
    /** JSON of [{secret, until}]: those that a rotation left valid for a while. */
    oldSecrets: "text",
    changedAt: "bigint",
  },
  { key: ["clientId"], writers: ["policy"] },
);

export const clientQueue = table(
  "client_queue",
  {
    clientId: "bigint",
    running: "int",
    /** No whole number: 1000/weight cut to one would make weights 600 and 900 equal. */
    pass: "double",
    cap: "int",
    weight: "int",
    /** The `pass` at which the client's last claim began. */
    began: "double",
    /** No batch of the client can be claimed before; null: none is ready. It may be too early, and never too late. */
    dueAt: "bigint?",
  },
  { key: ["clientId"], writers: ["batch", "imports"] },
);

export const clientUsage = table(
  "client_usage",
  {
    clientId: "bigint",
    /** Days since 1970, UTC. */
    day: "int",
    bytes: "bigint",
    records: "bigint",
  },
  { key: ["clientId", "day"], writers: ["imports", "retention"] },
);

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
    /** The batch whose rejected records these are. */
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
    /** Attempts at the next chunk: 1 once the one before it was committed, for the run goes on with it; each claim adds one. */
    attempt: "int",
    attemptsTotal: "int",
    version: "bigint",
    createdAt: "bigint",
    readyAt: "bigint?",
    startedAt: "bigint?",
    finishedAt: "bigint?",
    /** The public id of the batch whose rejected records these are: `parentId` is gone with its row. */
    retryOf: "uuid?",
    /** Rows of its error report: a record takes one for each of its faults. */
    faults: "bigint",
    /** Rejected records that the report does not list. */
    unlisted: "bigint",
    /** Times that the batch was begun anew; numbers its errors. */
    pass: "int",
  },
  { key: ["id"], writers: ["batch", "imports", "retention"] },
);

/** What moves of a batch while a worker runs it (`fence` > 0) or a node receives it (`fence` = 0, no owner). */
export const batchWork = table(
  "batch_work",
  {
    batchId: "bigint",
    clientId: "bigint",
    owner: "name?",
    fence: "bigint",
    /** Until when the lease lasts; in `batch` it is null meanwhile. */
    dueAt: "bigint",
    pass: "int",
    /** What the batch has of its client's places: 0 where others of a group have one for it too. */
    place: "int",
    /** The first batch of those that were claimed together; null: it was claimed alone. */
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
    /** Places of records that were too long; null for none. */
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

/** A row for each error of a record; `line` and `raw` are on the first. `seq` has the pass of the batch in front (rows.ts, PASS). */
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
  },
  { key: ["batchId", "seq", "n"], writers: ["batch", "retention"] },
);

/** Attempts at a batch that failed. */
export const batchAttempt = table(
  "batch_attempt",
  {
    batchId: "bigint",
    /** Which of all attempts at the batch. */
    no: "int",
    at: "bigint",
    node: "name",
    code: "name",
    detail: "text",
  },
  { key: ["batchId", "no"], writers: ["batch", "retention"] },
);

/** Batches by state. Several rows of one state add up. */
export const batchCount = table(
  "batch_count",
  { id: "id", state: "name", n: "bigint" },
  { key: ["id"], writers: ["triggers of batch"] },
);

/** Passes over a batch that are over, whose errors are still to be deleted. */
export const staleErrors = table(
  "stale_errors",
  { batchId: "bigint", pass: "int", since: "bigint" },
  { key: ["batchId", "pass"], writers: ["batch", "retention"] },
);

/** Names that clients give to uploads. */
export const idempotencyKey = table(
  "idempotency_key",
  {
    clientId: "bigint",
    key: "name",
    fingerprint: "hash?",
    /** The upload that has the key, or the batch that its answer is about. */
    batchId: "bigint?",
    /** See answers.ts; null: the upload still runs. */
    answer: "text?",
    expiresAt: "bigint",
  },
  { key: ["clientId", "key"], writers: ["imports", "batch", "retention"] },
);

export const contentKey = table(
  "content_key",
  { clientId: "bigint", hash: "hash", batchId: "bigint", expiresAt: "bigint" },
  { key: ["clientId", "hash"], writers: ["imports", "retention"] },
);

/** Unique keys of records. */
export const recordKey = table(
  "record_key",
  {
    clientId: "bigint",
    keyHash: "key",
    batchId: "bigint",
    chunkNo: "int",
    /** Set while the key is only reserved. */
    expiresAt: "bigint?",
    /** When it is forgotten; null: never. */
    endsAt: "bigint?",
  },
  { key: ["clientId", "keyHash"], writers: ["batch", "retention"] },
);

export const outbox = table(
  "outbox",
  { id: "id", topic: "name", body: "text", dueAt: "bigint", attempts: "int" },
  { key: ["id"], writers: ["batch", "imports", "clientCache", "policy", "outbox"] },
);

export const delivery = table(
  "delivery",
  {
    id: "id",
    publicId: "uuid",
    batchId: "bigint",
    clientId: "bigint",
    event: "name",
    /** The document to send. */
    body: "text",
    state: typed<DeliveryState>("name"),
    dueAt: "bigint?",
    /** Numbers all that were recorded, also those before a replay. */
    attempts: "int",
    createdAt: "bigint",
    /** Sendings since it was last put in. */
    tries: "int",
    /** The sender that has it now; null: nobody. */
    claim: "uuid?",
  },
  { key: ["id"], writers: ["batch", "imports", "webhook", "retention"] },
);

export const deliveryAttempt = table(
  "delivery_attempt",
  {
    deliveryId: "bigint",
    no: "int",
    at: "bigint",
    /** Of the answer; null: there was none. */
    status: "int?",
    error: "text?",
    ms: "int",
  },
  { key: ["deliveryId", "no"], writers: ["webhook", "retention"] },
);

export const batchLock = table(
  "batch_lock",
  { name: "name", token: "name", expiresAt: "bigint" },
  { key: ["name"], writers: ["batchLock"] },
);

/** A doubt about the clock of SQLite, as of the last look (database/clock.doubt.ts): one row, or none. */
export const clockDoubt = table(
  "clock_doubt",
  { id: "bigint", clockMs: "bigint", countMs: "bigint", aheadMs: "bigint", evenMs: "bigint" },
  { key: ["id"], writers: ["batch", "retention"] },
);
