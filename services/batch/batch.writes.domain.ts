/** What is written to a batch: the commit of a chunk, and the moves between states. Only types, which the database uses too. */

import type { GroupedFaults } from "../../formats/check/fault-groups.ts";
import type { RejectedRecord } from "../../formats/formats.ts";
import type { AuditDraft } from "../audit/audit.domain.ts";
import type { OutboxDraft, OutboxRow } from "../outbox/outbox.domain.ts";
import type { BatchRow, BatchState, Lane, Phase, Reason } from "./batch.domain.ts";
import type { ToldMove } from "./batch.history.domain.ts";
import type { AppliedChunk, RowCounts, TableCommit, TableWritten } from "./batch.table.domain.ts";

/** When a wait ends: after so long by the database's clock, at a time, or (null) never by itself. */
export type Due = { inMs: number } | { at: number } | null;

/** What a unit wrote: the batch as it is afterwards, and its new outbox rows, which are published and then deleted. */
export interface Written {
  batch: BatchRow;
  outbox: OutboxRow[];
  /** For a commit with rows of a table. Left out if the table's answer was lost. */
  table?: TableWritten;
}

/** A worker's commit of a chunk. All of it is written in one unit. */
export interface ChunkCommit {
  id: number;
  fence: number;
  /** The chunk that is committed; must be the row's `nextChunk`. */
  chunk: number;
  leaseMs: number;
  /** `seq` of the chunk's first record. */
  firstRecord: number;
  /** How many records the chunk holds. */
  records: number;
  /**
   * The JSON of the accepted records, joined by LF, as UTF-8. The n-th text gets the n-th position of the chunk that is
   * neither in `errors`, `unlisted`, `passed` nor `unique.duplicates`. Empty: none is stored.
   */
  text: Uint8Array;
  /** Rejected records for the report. */
  errors: RejectedRecord[];
  /** Positions, ascending, of further rejected records, which are only counted. */
  unlisted: number[];
  /**
   * In a correction: the keys, in hex, of the records that its rejected records would have corrected, by the positions of the
   * rejected records.
   */
  rejectedMarks?: Record<number, string>;
  /** The faults of all rejected records, grouped and counted. Record numbers in it are positions in the chunk. Omitted: there are none. */
  grouped?: GroupedFaults;
  /** Positions, ascending, of records whose row the table has already. Nothing of them is stored. */
  passed?: number[];
  unique?: UniqueKeys | undefined;
  /** The records of `text` are rows of the company's own table as well, which are written in the same unit. */
  table?: TableCommit | undefined;
  /**
   * Added to the batch's counts. A record of `text` whose key is taken moves from `accepted` to `duplicate` by itself, and one
   * that its table refuses or already has moves too.
   */
  counts: { accepted: number; rejected: number; duplicate: number; rows?: RowCounts };
  /** The batch's phase and next chunk after the commit. */
  next: { phase: Phase; chunk: number };
  /** The batch ends with this commit: running−1, finished_at, and its events. `purge` deletes its chunks in the same unit. */
  end: { state: BatchState; reason: Reason | null; due: Due; purge: boolean; events: OutboxDraft[] } | null;
}

/** What a chunk's commit does with its records' unique keys. Keys are bytes in hex. */
export interface UniqueKeys {
  /**
   * Positions, ascending, of records that are known to be duplicates: another record of the chunk has the same key, or the key
   * could not be reserved.
   */
  duplicates: number[];
  /** A key for each record of `text`, joined by "\n". Empty: the record has no key. A key is inserted unless it exists. */
  keys: string;
  /** If keys were reserved: the keys of records that were refused afterwards. They are released; the other keys stay. */
  freed: string[] | null;
  /** If keys were reserved: those that could not be. Their records are counted at the batches that have them. */
  taken?: string[];
  /** How long the keys of delivered records last; null or omitted: for ever. */
  keepMs?: number | null;
  /** The reserved keys that mark rejected records of an earlier batch as corrected: the id of that batch, and the range of the keys. */
  marks?: { first: number; from: string; to: string };
}

/** Why and where a worker's attempt at a batch failed. */
export interface FailedAttempt {
  node: string;
  code: string;
  detail: string;
}

/** A move of a batch from one state to another, outside a chunk commit. Nothing is written unless all conditions hold. */
export interface Move {
  id: number;
  from: BatchState;
  /** The version (or fence) that the caller has seen; omitted: any. */
  version?: number;
  fence?: number;
  /** Only when its `due_at` has passed by the database's clock. */
  onlyDue?: boolean;
  to: BatchState;
  due: Due;
  reason: Reason | null;
  /** `reset` sets attempt to 0, `uncount` takes one back (a claim that is no attempt: attempt and attempts_total −1, not below 0). */
  attempt: "keep" | "reset" | "uncount";
  /** Starts over: next_chunk 0, counts 0, this phase. The record errors so far become stale. */
  restart?: Phase;
  /** The failed attempt that ends with the move. It is stored. */
  failed?: FailedAttempt;
  /** The batch has no place in this lane, and takes the last one. */
  enters?: Lane;
  /** The batch's records are counted with the move. The error report does not list the rejected ones. */
  applied?: AppliedChunk;
  /** The history's entry for the move. Left out if the row of the batch, or `failed`, already has the facts. */
  told?: ToldMove;
  /** The audit row of the move, if a person has asked for it. */
  audit?: AuditDraft;
  events: OutboxDraft[];
}
