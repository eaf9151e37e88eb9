/** Types of uploads: how a body becomes a batch, and how a repeated upload is detected (idempotency, dedup). */
import type { FaultGroups } from "../../formats/check/fault-groups.ts";
import type { SampleRecord } from "../../formats/check/sample.ts";
import type { Envelope, Format } from "../../formats/formats.ts";
import type { ShownColumn } from "../../formats/read/columns.ts";
import type { AuditDraft } from "../audit/audit.domain.ts";
import type { BatchRow, Phase, Reason, StoredChunk } from "../batch/batch.domain.ts";
import type { RecordErrors } from "../batch/batch.reads.domain.ts";
import type { Due, Written } from "../batch/batch.writes.domain.ts";
import type { OutboxDraft } from "../outbox/outbox.domain.ts";

/** The beginning of a body: how it is read, and what becomes of its records. */
export interface Preview extends ReadAs {
  records: SampleRecord[];
}

/** Records of a body, read again. `next`: the chunk that follows; null: there is none. */
export interface RowsAgain {
  records: RecordErrors[];
  next: number | null;
}

/** What a check of a body has found. */
export interface CheckedBody extends Preview {
  counts: { received: number; accepted: number; rejected: number; duplicate: number };
  /** The errors as a batch has them: all faults, the number of rejected records, the faults in groups. */
  errors: ReturnType<FaultGroups["summary"]> & { records: number };
  /** Whether the body has more than was looked at. */
  partial: boolean;
}

/** What a draft of a dataset would make of a body, or of the records of a batch. */
export interface TriedBody extends CheckedBody {
  /** The records that were looked at, and those of them that nothing is wrong with. */
  tried: number;
  passed: number;
}

/** How the cells of a body are read. Of a format without cells there are no columns, and no delimiter. */
export interface ReadAs {
  columns: ShownColumn[];
  delimiter: string | null;
  encoding: string;
}

export interface NewBatch {
  publicId: string;
  clientId: number;
  /** For a batch of a dataset: the id of its pin, as a negative number. */
  policyVersion: number;
  dataset: string;
  format: Format;
  requestId: string | null;
  /** The trace of the request, as `traceText` writes it. Null: nobody traces it. */
  trace: string | null;
}

/** The commit that ends an upload and makes it a batch. */
export interface UploadCommit {
  /** The batch whose rejected records are sent again. It has at most one such retry (otherwise ConstraintViolation). */
  parent?: { id: number; publicId: string };
  /** The public id of the batch whose rejected records it corrects. */
  corrects?: string;
  /** The id of the receiving row. Null: the whole body is in this commit. */
  id: number | null;
  batch: NewBatch;
  /** The chunks that are not stored yet. */
  chunks: StoredChunk[];
  totals: { bytes: number; records: number; chunks: number; contentHash: string; envelope: Envelope };
  phase: Phase;
  state: "received" | "ready" | "held" | "rejected";
  due: Due;
  reason: Reason | null;
  /** Cap and weight for a client that has no queue row yet. */
  queue: { cap: number; weight: number };
  events: OutboxDraft[];
  /** Its records become rows of a table, and their counts begin at 0. Omitted: the batch has no counts of rows. */
  isIntoTable?: boolean;
  /** The idempotency key of the upload, and how long it is kept. Null: the client gave none. */
  key: (UploadKey & { fingerprint: string }) | null;
  /**
   * For how long the same content of this client is a duplicate. Null: duplicates are allowed. `hash`: the hash to compare;
   * omitted: the content's own.
   */
  dedup: { keepMs: number; hash?: string } | null;
  /** The batch is only checked: `dedup` refuses it like any other, but it does not become a duplicate of later ones. */
  isCheck?: boolean;
  /**
   * `id` is a batch that was only checked, as this version of it. It starts over, under `batch.policyVersion`, if its body is still
   * kept; its totals stay. Otherwise the outcome is `swept`.
   */
  checked?: { version: number };
  /** What counts against `quota`. Omitted: all of `totals`. */
  spent?: { bytes: number; records: number };
  /** The most that the client may send in a day, including this upload. Null: there is no quota, and nothing is counted. */
  quota: DayQuota | null;
  /**
   * The batch takes the next place of this lane. `places`: only if the lane has still given this many places, as when it was
   * read; null: in any case. Left out: the dataset keeps no order.
   */
  order?: { lane: string; places: number | null };
  /** The audit row, if an operator makes the batch. */
  audit?: AuditDraft;
}

/** A client's Idempotency-Key, and how long it is kept after its upload is done. */
export interface UploadKey {
  key: string;
  keepMs: number;
}

/** The answer of the first upload with a key: a new batch (202), or an earlier batch with the same content (200), as it was then. */
export interface UploadAnswer {
  status: 202 | 200;
  batch: BatchRow;
}

/** The upload that holds a key: it still runs, or it was answered. `fingerprint`: SHA-256 of what was sent, in hex. */
export type KeyHolder = { state: "running" } | { state: "done"; fingerprint: string; answer: UploadAnswer };

/** The most bytes and records of a UTC day. Null: no limit. */
export interface DayQuota {
  bytes: number | null;
  records: number | null;
}

/** What a client has sent in the current UTC day by the database's clock, and how long that day still lasts. */
export interface DayUsage {
  bytes: number;
  records: number;
  msLeft: number;
}

/** How the commit of an upload ended. Only `stored` has written anything. */
export type UploadOutcome =
  | ({ outcome: "stored" } & Written)
  /** A sweep has deleted the upload. For a checked batch: it has changed, or its body was deleted. */
  | { outcome: "swept" }
  /** Another upload holds its idempotency key. */
  | { outcome: "repeated"; holder: KeyHolder }
  /** An earlier batch, which did not end without success, has the same content. */
  | { outcome: "duplicate"; batch: BatchRow }
  | { outcome: "overQuota"; usage: DayUsage }
  /** Another batch has entered its lane meanwhile. */
  | { outcome: "overtaken" };
