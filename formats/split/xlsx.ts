/** A workbook becomes chunks: it is kept in a file until it is whole, then read row by row. */
import { Problem } from "../../lib/errors.ts";
import { MOST_NAMES } from "../check/record-growth.ts";
import type { Envelope, RawChunk, SplitLimits, Splitter, WholeBody } from "../formats.ts";
import { defaultRead } from "../read/read.ts";
import { notThat } from "../recognise/recognised.ts";
import { isZip, LOOK_BYTES, otherThanWorkbook, signatureOf, ZIP_LOOK_BYTES } from "../recognise/signatures.ts";
import { textKind } from "../recognise/text.ts";
import { tooLarge } from "../xlsx/archive.ts";
import { isBlankRow, SheetHead } from "../xlsx/head.ts";
import type { SheetRow } from "../xlsx/sheet.ts";
import { Spool } from "../xlsx/spool.ts";
import { storedRow } from "../xlsx/stored.ts";
import { Workbook } from "../xlsx/workbook.ts";
import type { InTurn } from "../xlsx/xml.ts";
import { ChunkBuilder } from "./chunks.ts";
import type { CsvOptions } from "./csv.ts";
import { NdjsonSplitter } from "./ndjson.ts";

type Options = Pick<CsvOptions, "read" | "hasHeader" | "checkColumns">;

const LF = 10;

const never = (): never => {
  throw new Error("A workbook is read when all of it is there.");
};

export class WorkbookSplitter implements Splitter, WholeBody {
  envelope: Envelope = {};
  readonly whole = this;
  readonly push = never;
  readonly end = never;
  readonly #limits: SplitLimits;
  readonly #options: Options;
  readonly #spool = new Spool();
  readonly #chunks: ChunkBuilder;
  /** The first bytes, until it is clear what they are. */
  #start: Buffer | null = Buffer.allocUnsafe(ZIP_LOOK_BYTES);
  #startBytes = 0;
  #head: SheetHead | null = null;
  #hasBegun = false;
  /** What the rows have as they are kept. */
  #bytes = 0;

  constructor(limits: SplitLimits, options: Options) {
    this.#limits = limits;
    this.#options = options;
    this.#chunks = new ChunkBuilder(limits, false);
  }

  get records(): number {
    return this.#chunks.records;
  }

  async write(bytes: Buffer): Promise<void> {
    if (this.#start !== null) {
      this.#startBytes += bytes.copy(this.#start, this.#startBytes);
      this.#look(this.#start.subarray(0, this.#startBytes), false);
    }
    await this.#spool.write(bytes);
  }

  async *chunks(inTurn: InTurn): AsyncGenerator<RawChunk> {
    if (this.#start !== null) this.#look(this.#start.subarray(0, this.#startBytes), true);
    const { file, bytes } = this.#spool;
    if (file === null) throw new Problem("empty-body", "The body holds no record.");
    const { read = defaultRead, hasHeader } = this.#options;
    const { maxBytes = Number.POSITIVE_INFINITY, maxRecordBytes } = this.#limits;
    const workbook = await Workbook.open(file, bytes, { maxBytes, maxRowBytes: maxRecordBytes }, inTurn);
    this.#head = new SheetHead(read, hasHeader);
    for await (const rows of workbook.rows(read.dialect)) yield* await inTurn(() => this.#take(rows));
    this.#head.end();
    this.#begin(this.#head);
    this.#chunks.end();
    yield* this.#chunks.drain();
  }

  close(): Promise<void> {
    return this.#spool.close();
  }

  /** Throws malformed-body for what is plainly no workbook, as soon as its first bytes tell. */
  #look(start: Buffer, isAll: boolean): void {
    if (start.length < (isZip(start) ? ZIP_LOOK_BYTES : LOOK_BYTES) && !isAll) return;
    this.#start = null;
    if (start.length === 0) return;
    const found = isZip(start) ? otherThanWorkbook(start) : signatureOf(start);
    if (found !== null) throw notThat(found);
    // No other kind of ZIP was recognized, so the file may be a workbook. Reading its parts will show it.
    if (isZip(start)) return;
    const kind = textKind("xlsx", start, true);
    throw notThat(kind === null || kind === "more" ? "csv" : kind.found);
  }

  #take(rows: readonly SheetRow[]): RawChunk[] {
    const head = this.#head as SheetHead;
    for (const row of rows) {
      if (head.header === null && head.take(row)) continue;
      if (!isBlankRow(row) && !head.isComment(row)) {
        this.#begin(head);
        this.#add(row);
      }
    }
    if (head.header !== null) this.#begin(head);
    return this.#chunks.drain();
  }

  /** The header is whole. Throws wrong-columns. */
  #begin({ header, nameless }: SheetHead): void {
    if (this.#hasBegun || header === null) return;
    this.#hasBegun = true;
    const written = this.#options.checkColumns?.(header) ?? 0;
    this.#chunks.keepGrowth(Math.max(namesBytes(header), written), MOST_NAMES);
    this.envelope = envelopeOf(header, nameless);
  }

  #add(row: SheetRow): void {
    const { maxBytes = Number.POSITIVE_INFINITY, maxRecordBytes } = this.#limits;
    const line = Buffer.from(`${storedRow(row)}\n`);
    this.#bytes += line.length;
    // A shared string may stand in any number of cells.
    if (this.#bytes > maxBytes) throw tooLarge(`has more than ${maxBytes} bytes in its rows`, maxBytes);
    if (row.isCut || line.length - 1 > maxRecordBytes) {
      this.#chunks.endOversized(Buffer.from(storedRow({ ...row, columns: [], cells: [] })), 1);
    } else this.#chunks.add(line, 0, line.length, 1, 1);
  }
}

const namesBytes = (header: readonly string[]): number =>
  header.reduce((bytes, name) => bytes + Buffer.byteLength(name), 0);

const envelopeOf = (header: string[], nameless: number): Envelope => ({
  charset: "utf-8",
  header,
  ...(nameless > 0 && { nameless }),
  isMapped: true,
});

/** The line before stored rows that come again. */
export const storedHead = ({ header = [], nameless = 0 }: Envelope): string =>
  `${JSON.stringify({ columns: header, nameless })}\n`;

/** Rows that were read before: the rejected ones of a batch, behind a line with the names of their columns. */
export class StoredRowsSplitter implements Splitter {
  envelope: Envelope = {};
  readonly #rows: NdjsonSplitter;
  readonly #options: Options;
  #start: Buffer | null = Buffer.alloc(0);

  constructor(limits: SplitLimits, options: Options) {
    this.#rows = new NdjsonSplitter(limits);
    this.#options = options;
  }

  get records(): number {
    return this.#rows.records;
  }

  push(bytes: Buffer): RawChunk[] {
    if (this.#start === null) return this.#rows.push(bytes);
    this.#start = Buffer.concat([this.#start, bytes]);
    const end = this.#start.indexOf(LF);
    if (end < 0) return [];
    const { columns, nameless } = JSON.parse(this.#start.toString("utf8", 0, end)) as {
      columns: string[];
      nameless: number;
    };
    this.#options.checkColumns?.(columns);
    this.envelope = envelopeOf(columns, nameless);
    const rows = this.#start.subarray(end + 1);
    this.#start = null;
    return rows.length > 0 ? this.#rows.push(rows) : [];
  }

  end(): RawChunk[] {
    return this.#rows.end();
  }
}
