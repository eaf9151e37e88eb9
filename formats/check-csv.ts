import { isUtf8 } from "node:buffer";
import Papa from "papaparse";
import type { Pace } from "./check-pace.ts";
import {
  assertRecords,
  CHUNK_FULL,
  type CheckSpec,
  type ChunkContent,
  ChunkVerdict,
  encodingFault,
  tooLarge,
  wholeFault,
} from "./chunk-verdict.ts";
import { csvRecordStarts } from "./csv-scan.ts";
import type { CheckedChunk, Envelope, RecordFault } from "./formats.ts";
import { RecordNumbers } from "./record-numbers.ts";

type CsvPlace = ReturnType<typeof csvRecordStarts>[number];
type Rows = string[][];

/** Checks the rows of a chunk of CSV. */
export async function checkCsvChunk(chunk: ChunkContent, spec: CheckSpec, pace: Pace): Promise<CheckedChunk> {
  const rows = fastRows(chunk, spec.envelope);
  const verdict = new ChunkVerdict(spec);
  const check = new CsvCheck(chunk, spec, verdict);
  if (rows === null) await check.eachRecord(pace);
  else await check.rows(rows, pace);
  assertRecords(verdict, chunk);
  return verdict.end();
}

/** All rows at once; null where anything is unusual, so that each record is to be looked at alone. */
function fastRows(chunk: ChunkContent, envelope: Envelope): Rows | null {
  const isText = envelope.charset === "windows-1252" || isUtf8(chunk.data);
  if (chunk.oversized.length > 0 || !isText) return null;
  const rows = parse(decode(chunk.data, envelope), envelope);
  return rows !== null && rows.length === chunk.records ? rows : null;
}

/**
 * Papa knows one line end for a text. Without quotes CRLF becomes LF first. With quotes it may stand in a cell; a text
 * that has LF too cannot be read in one go then: Papa would take a blank line for a part of the next cell.
 */
function parse(text: string, { delimiter = "," }: Envelope): Rows | null {
  const hasCrLf = text.includes("\r\n");
  const isPlain = !text.includes('"');
  if (hasCrLf && !isPlain && LONE_LF.test(text)) return null;
  const newline = hasCrLf && !isPlain ? "\r\n" : "\n";
  const input = hasCrLf && isPlain ? text.replaceAll("\r\n", "\n") : text;
  const { data, errors } = new Papa.Parser({ delimiter, newline }).parse(input, 0, false) as Papa.ParseResult<string[]>;
  if (errors.length > 0) return null;
  return data.some(isBlank) ? data.filter((row) => !isBlank(row)) : data;
}

const LONE_LF = /(?<!\r)\n/;

const isBlank = (row: string[]): boolean => row.length === 1 && row[0] === "";

class CsvCheck {
  readonly #chunk: ChunkContent;
  readonly #spec: CheckSpec;
  readonly #verdict: ChunkVerdict;
  readonly #header: string[];
  readonly #namesProto: boolean;
  /** Those of the record at hand. */
  readonly #numbers = new RecordNumbers();
  #places: CsvPlace[] | undefined;

  constructor(chunk: ChunkContent, spec: CheckSpec, verdict: ChunkVerdict) {
    this.#chunk = chunk;
    this.#spec = spec;
    this.#verdict = verdict;
    this.#header = spec.envelope.header ?? [];
    this.#namesProto = this.#header.includes("__proto__");
  }

  rows(rows: Rows, pace: Pace): Promise<void> {
    return pace.each(rows.length, (i) => this.#row(rows[i] as string[]));
  }

  /** The slow way: each record alone, so that a wrong one spoils no other. */
  eachRecord(pace: Pace): Promise<void> {
    const { envelope, maxRecordBytes } = this.#spec;
    const oversized = new Set(this.#chunk.oversized);
    const places = this.#placesOf();
    return pace.each(places.length, (i) => {
      const { start, end } = places[i] as CsvPlace;
      const bytes = this.#chunk.data.subarray(start, end);
      if (oversized.has(i)) this.#reject(tooLarge(maxRecordBytes));
      else if (envelope.charset !== "windows-1252" && !isUtf8(bytes)) this.#reject(encodingFault("UTF-8"));
      else this.#record(decode(bytes, envelope));
    });
  }

  /** Ends with LF again, without which Papa refuses spaces after a last quote. Its LF may give a blank row. */
  #record(text: string): void {
    const { delimiter = "," } = this.#spec.envelope;
    const { data, errors } = new Papa.Parser({ delimiter, newline: "\n" }).parse(
      `${text}\n`,
      0,
      false,
    ) as Papa.ParseResult<string[]>;
    const [row, ...rest] = data;
    if (errors.length === 0 && row !== undefined && rest.every(isBlank)) this.#row(row);
    else this.#reject(wholeFault("malformed", "A quote is out of place."));
  }

  #row(cells: string[]): void {
    const expected = this.#header.length;
    if (cells.length !== expected) {
      this.#reject(wholeFault("columns", `The row should have ${expected} cells, and has ${cells.length}.`));
      return;
    }
    const record = this.#namesProto ? recordWithProto(this.#header, cells) : recordOf(this.#header, cells);
    const numbers = this.#numbers;
    const faults = this.#spec.validator.check(record, numbers) ?? this.#growthFaults(record, cells);
    if (faults !== null) this.#reject(faults);
    else if (!this.#accept(record)) this.#reject(CHUNK_FULL);
    if (numbers.size > 0) numbers.clear();
  }

  #growthFaults(record: Record<string, unknown>, cells: string[]): RecordFault[] | null {
    if (this.#spec.validator.growth === 0) return null;
    const sent = cells.reduce((sum, cell) => sum + cell.length + 1, 0);
    return this.#verdict.growthFaults(record, sent, true);
  }

  /** False: the chunk has no room for it. */
  #accept(record: Record<string, unknown>): boolean {
    const numbers = this.#numbers;
    if (numbers.size === 0) return this.#verdict.accept(JSON.stringify(record), record);
    return this.#verdict.accept(numbers.stringify(record), numbers.delivered(record));
  }

  /** Lines and raw text are looked up only now: most chunks have nothing to reject. */
  #reject(faults: RecordFault[]): void {
    const place = this.#placesOf()[this.#verdict.records] as CsvPlace;
    const { firstLine, data } = this.#chunk;
    const raw = decode(data.subarray(place.start, place.end), this.#spec.envelope);
    this.#verdict.reject(firstLine === null ? null : firstLine + place.line, raw, faults);
  }

  #placesOf(): CsvPlace[] {
    this.#places ??= csvRecordStarts(this.#chunk.data, this.#spec.envelope.delimiter ?? ",");
    return this.#places;
  }
}

/** An empty cell is an absent field. */
function recordOf(header: string[], cells: string[]): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (let i = 0; i < header.length; i++) {
    if (cells[i] !== "") record[header[i] as string] = cells[i];
  }
  return record;
}

/** An assignment to `__proto__` would make no property. */
const recordWithProto = (header: string[], cells: string[]): Record<string, unknown> =>
  Object.fromEntries(header.map((name, i) => [name, cells[i]]).filter(([, cell]) => cell !== ""));

const decoder = new TextDecoder("windows-1252");

const decode = (bytes: Buffer, { charset }: Envelope): string =>
  charset === "windows-1252" ? decoder.decode(bytes) : bytes.toString();
