/** The words that splitting (at ingest) and checking (at work) share. */
import type { RecordFault } from "./check/fault.ts";
import type { RecordNumbers } from "./check/record-numbers.ts";
import type { CellKinds } from "./check/text-conversion.ts";

export type { RecordFault } from "./check/fault.ts";

export type Format = "ndjson" | "csv" | "json";
export type Charset = "utf-8" | "windows-1252";

/** What the body told once and each chunk needs to be read alone. Kept with the batch as JSON. */
export interface Envelope {
  charset?: Charset;
  /** CSV only: the separator of its cells. */
  delimiter?: string;
  /** CSV only: the names of its columns. */
  header?: string[];
}

/** Consecutive records as they came, cut from the body; never parsed at ingest. */
export interface RawChunk {
  /** From 0. */
  no: number;
  /** The number of its first record in the body, from 1. */
  firstRecord: number;
  /** The physical line on which `data` begins, from 1 (a CSV header is line 1); null for JSON arrays. */
  firstLine: number | null;
  /** How many records it holds; blank lines are none. */
  records: number;
  /**
   * NDJSON, CSV: the bytes as sent (blank lines included, so that lines can be counted), without the CSV header.
   * JSON: one element a line; CR and LF outside strings are spaces.
   */
  data: Buffer;
  /** Places in this chunk (from 0) of records longer than the limit; `data` holds only their first bytes. */
  oversized: number[];
}

export interface SplitLimits {
  chunkRecords: number;
  chunkBytes: number;
  maxRecords: number;
  maxRecordBytes: number;
  /** What each record may gain in bytes by its schema's defaults, which a chunk has to leave room for. */
  recordGrowth?: number;
}

/** Cuts a decoded body into chunks at record boundaries. Holds at most one chunk and one record. */
export interface Splitter {
  /** Takes the next bytes, returns the chunks that they complete. Throws a Problem (malformed-body, too-many-records, validation). */
  push(bytes: Buffer): RawChunk[];
  /** The body has ended: returns the last chunks. Throws a Problem (malformed-body, empty-body, too-many-records). */
  end(): RawChunk[];
  /** Known in full after the first chunk. */
  readonly envelope: Envelope;
  /** Records so far. */
  readonly records: number;
}

export interface RejectedRecord {
  /** Its place in the chunk, from 0. */
  index: number;
  line: number | null;
  /** The record as it was sent, NUL replaced by U+FFFD. */
  raw: string;
  errors: RecordFault[];
}

/** A chunk after parsing and validation. */
export interface CheckedChunk {
  records: number;
  /** The accepted records' JSON texts, in order, joined by LF, as UTF-8; empty when there is none. */
  text: Buffer;
  /** The rejected ones, by rising index. */
  rejected: RejectedRecord[];
  /** Places, rising, of further rejected ones, which the error report has no room for. Every other index is accepted. */
  unlisted: number[];
  /** The accepted records as values, only where asked for (a custom handler). A number that no double holds is its digits, a text. */
  values: Record<string, unknown>[] | null;
}

/** Checks one value, which it may change (defaults, conversions). Null: valid. */
export interface RecordValidator {
  /**
   * `numbers`: those that no double holds, for which stand-ins are in the value. What is converted adds to them.
   * `isConverted`: the texts of a row of CSV are values already, by their columns' kinds.
   */
  check(value: unknown, numbers: RecordNumbers, isConverted?: boolean): RecordFault[] | null;
  /** What the cells of columns of CSV become. Null: to find out costs more work than a record may; it goes on at the next call. */
  cellKinds(names: readonly string[]): (CellKinds | null)[] | null;
  /** Whether the last check put defaults into the record, which its own text does not have. */
  readonly filled: boolean;
  /** Bytes that its defaults may add to a record; infinite where one may be put in more than once. */
  growth: number;
  /** What the last check cost, about: so many keywords were looked at. */
  readonly work: number;
}
