import { Problem } from "../../lib/errors.ts";
import { MOST_DEFAULTS } from "../check/record-growth.ts";
import type { RawChunk, SplitLimits } from "../formats.ts";
import { ByteStore } from "./bytes.ts";

/** How much is kept of a record that is too long: enough to recognize it in the error report. */
const KEPT_BYTES = 1024;
/** How many lines of a cut record are kept as blank lines. Beyond it the chunk ends, so that a gigabyte of LF costs nothing. */
const MAX_PADDING = 1024;
const LF = 10;
/** A body may have as many blank lines as records, and this many in any case. */
const LEAST_BLANK_LINES = 100_000;

/**
 * Puts records together to chunks. Records come whole, many at once (`add`), or in pieces (`keep`, then one of the
 * `end…`). Holds the chunk's whole records, then what is kept of the unfinished one. The `data` that it makes always
 * ends with LF.
 */
export class ChunkBuilder {
  readonly limits: SplitLimits;
  /** Records so far in the body. */
  records = 0;
  /** The physical line on which the unfinished record begins. */
  line = 1;
  /** True length of the unfinished record so far. */
  recordBytes = 0;
  readonly #countsLines: boolean;
  readonly #store = new ByteStore();
  #whole = 0;
  #inChunk = 0;
  #firstLine = 1;
  #oversized: number[] = [];
  #blankLines = 0;
  #chunkRecords: number;
  #no = 0;
  #done: RawChunk[] = [];

  constructor(limits: SplitLimits, countsLines: boolean) {
    this.limits = limits;
    this.#countsLines = countsLines;
    this.#chunkRecords = limits.chunkRecords;
    this.keepGrowth(limits.recordGrowth ?? 0, MOST_DEFAULTS);
  }

  /** How many bytes each record gains in the check. A chunk takes no more records than gain `most` bytes in all. */
  keepGrowth(bytes: number, most: number): void {
    this.#chunkRecords = Math.min(this.#chunkRecords, Math.ceil(most / Math.max(1, bytes)));
  }

  /** Whether the chunk has no record yet. */
  get isEmpty(): boolean {
    return this.#inChunk === 0;
  }

  /** Bytes of whole records in the chunk. */
  get length(): number {
    return this.#whole;
  }

  /** After this many more records the caller must call `add`: the chunk is full, or the body has too many records. */
  get room(): number {
    return Math.min(this.#chunkRecords - this.#inChunk, this.limits.maxRecords - this.records + 1);
  }

  /** Its last byte, as long as it is not too long. */
  get lastByte(): number | undefined {
    return this.recordBytes === 0 ? undefined : this.#store.view(this.#store.length - 1)[0];
  }

  /** The first bytes of the unfinished record: what is kept of one that is too long. */
  get firstBytes(): Buffer {
    return this.#store.view(this.#whole).subarray(0, KEPT_BYTES);
  }

  /** What is kept of the unfinished record: all of it, if it is not too long. */
  get unfinished(): Buffer {
    return this.#store.view(this.#whole);
  }

  /** The first bytes of the unfinished record are no part of it. */
  dropFirst(bytes: number): void {
    if (bytes === 0) return;
    this.#store.cut(this.#whole, bytes);
    this.recordBytes -= bytes;
  }

  /** Takes whole records, their line ends included: not more than `room` of them. */
  add(bytes: Buffer, from: number, to: number, records: number, lines: number): void {
    this.#store.append(bytes, from, to);
    this.#count(records, lines);
  }

  /** Takes more of the unfinished record. One byte above the limit is still kept whole: it may be the CR of its line end. */
  keep(bytes: Buffer, from: number, to: number): void {
    this.recordBytes += to - from;
    const isTooLong = this.recordBytes > this.limits.maxRecordBytes + 1;
    const room = isTooLong ? this.#whole + KEPT_BYTES - this.#store.length : to - from;
    this.#store.append(bytes, from, Math.min(to, from + room));
    if (isTooLong) this.#store.truncate(this.#whole + KEPT_BYTES);
  }

  /** The same for one byte. */
  keepByte(byte: number): void {
    this.recordBytes++;
    const isTooLong = this.recordBytes > this.limits.maxRecordBytes + 1;
    if (!isTooLong || this.#store.length < this.#whole + KEPT_BYTES) this.#store.push(byte);
  }

  endRecord(lines: number): void {
    this.#store.push(LF);
    this.#count(1, lines);
  }

  /**
   * Ends a record that is too long. `standIn`, without LF, replaces it; its further lines become blank ones, so that line numbers
   * stay right.
   */
  endOversized(standIn: Buffer, lines: number): void {
    const bytes = Buffer.from(standIn);
    this.#store.truncate(this.#whole);
    this.#store.append(bytes, 0, bytes.length);
    const padded = lines <= MAX_PADDING;
    for (let i = padded ? lines : 1; i > 0; i--) this.#store.push(LF);
    this.#oversized.push(this.#inChunk);
    this.#count(1, lines);
    if (!padded) this.#cut();
  }

  /** The unfinished record was a blank line: its bytes are kept, or an empty line is. Before the first record of a chunk none is. */
  endBlank(keepsBytes: boolean): void {
    const isLong = this.recordBytes > this.limits.maxRecordBytes;
    if (!keepsBytes || isLong || this.#inChunk === 0) this.#store.truncate(this.#whole);
    if (this.#inChunk > 0) this.#store.push(LF);
    this.countBlank(1);
    this.#count(0, 1);
    if (this.#inChunk === 0) this.#firstLine = this.line;
  }

  /** Counts blank lines. They are limited, because compression may make a thousand of their bytes out of one. */
  countBlank(lines: number): void {
    this.#blankLines += lines;
    const most = Math.max(this.limits.maxRecords, LEAST_BLANK_LINES);
    if (this.#blankLines > most)
      throw new Problem("too-many-records", `The body has more than ${most} blank lines.`, { limit: most });
  }

  /** Lines that belong to no chunk came before the first record. */
  skipLines(lines: number): void {
    this.line += lines;
    this.#firstLine = this.line;
  }

  /** The chunks that are complete since the last call. */
  drain(): RawChunk[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  /** Called when the body has ended. */
  end(): void {
    if (this.records === 0) throw new Problem("empty-body", "The body holds no record.");
    this.#cut();
  }

  #count(records: number, lines: number): void {
    this.records += records;
    this.#inChunk += records;
    this.line += lines;
    this.recordBytes = 0;
    this.#whole = this.#store.length;
    const { chunkBytes, maxRecords } = this.limits;
    if (this.records > maxRecords) {
      throw new Problem("too-many-records", `The body has more than ${maxRecords} records.`, { limit: maxRecords });
    }
    if (this.#inChunk >= this.#chunkRecords || this.#whole >= chunkBytes) this.#cut();
  }

  #cut(): void {
    if (this.#inChunk === 0) return;
    this.#done.push({
      no: this.#no++,
      firstRecord: this.records - this.#inChunk + 1,
      firstLine: this.#countsLines ? this.#firstLine : null,
      records: this.#inChunk,
      data: this.#store.copy(),
      oversized: this.#oversized,
    });
    this.#store.truncate(0);
    this.#whole = 0;
    this.#inChunk = 0;
    this.#oversized = [];
    this.#firstLine = this.line;
  }
}
