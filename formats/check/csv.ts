import { isUtf8 } from "node:buffer";
import Papa from "papaparse";
import type { CheckedChunk, Envelope, RecordFault } from "../formats.ts";
import { ByteStore } from "../split/bytes.ts";
import {
  assertRecords,
  type CheckSpec,
  type ChunkContent,
  ChunkVerdict,
  encodingFault,
  tooLarge,
  wholeFault,
} from "./chunk-verdict.ts";
import { JsonRows } from "./csv-json.ts";
import { csvRecordStarts } from "./csv-scan.ts";
import type { Pace } from "./pace.ts";
import { RecordNumbers } from "./record-numbers.ts";

const LF = 10;
const NO_ROWS = Buffer.alloc(0);

type CsvPlace = ReturnType<typeof csvRecordStarts>[number];

/** Checks the rows of a chunk of CSV. */
export async function checkCsvChunk(chunk: ChunkContent, spec: CheckSpec, pace: Pace): Promise<CheckedChunk> {
  const verdict = new ChunkVerdict(spec);
  const check = new CsvCheck(chunk, spec, verdict);
  const rows = jsonRows(chunk, spec);
  const checked = rows === null ? await check.eachAlone(pace) : await check.rows(rows, pace);
  assertRecords(verdict, chunk);
  return checked;
}

/** Null where a record may be too long or no UTF-8, or where it is not known in time what the columns' cells become. */
function jsonRows({ data, oversized }: ChunkContent, { envelope, validator }: CheckSpec): JsonRows | null {
  const { charset, delimiter = ",", header = [] } = envelope;
  if (oversized.length > 0 || (charset !== "windows-1252" && !isUtf8(data))) return null;
  const kinds = validator.cellKinds(header);
  if (kinds === null) return null;
  const columns = header.map((name, i) => ({ name, kinds: kinds[i] ?? null }));
  return new JsonRows(charset === "windows-1252" ? Buffer.from(decode(data, envelope)) : data, columns, delimiter);
}

const isBlank = (row: string[]): boolean => row.length === 1 && row[0] === "";

/** A name of which JavaScript makes a property before all others, wherever it stands. */
const isIndex = (name: string): boolean => /^(?:0|[1-9]\d{0,9})$/.test(name);

class CsvCheck {
  readonly #chunk: ChunkContent;
  readonly #spec: CheckSpec;
  readonly #verdict: ChunkVerdict;
  readonly #header: string[];
  readonly #namesProto: boolean;
  /** Whether a row's line of JSON is the text of its record: nothing is put in, and JavaScript keeps the order of its names. */
  readonly #keepsLines: boolean;
  /** Those of the record at hand. */
  readonly #numbers = new RecordNumbers();
  readonly #oversized: ReadonlySet<number>;
  #places: CsvPlace[] | undefined;

  constructor(chunk: ChunkContent, spec: CheckSpec, verdict: ChunkVerdict) {
    this.#chunk = chunk;
    this.#spec = spec;
    this.#verdict = verdict;
    this.#oversized = new Set(chunk.oversized);
    this.#header = spec.envelope.header ?? [];
    this.#namesProto = this.#header.includes("__proto__");
    this.#keepsLines = spec.validator.growth === 0 && !this.#header.some(isIndex);
  }

  /** The fast way. Where each row is accepted as it was written, these lines are the answer. */
  async rows(rows: JsonRows, pace: Pace): Promise<CheckedChunk> {
    const whole = new ByteStore();
    let lines: string[] = [];
    let next = 0;
    let isWhole = true;
    await pace.each(this.#chunk.records, this.#chunk.data.length, (i) => {
      if (next === lines.length) {
        const block = rows.next() ?? NO_ROWS;
        lines = block.toString().split("\n");
        next = 0;
        if (whole.length > 0) whole.push(LF);
        whole.append(block, 0, block.length);
      }
      const line = lines[next++] as string;
      const isKept = line === "" ? this.#alone(i) : this.#line(line);
      isWhole &&= isKept;
    });
    if (next < lines.length || rows.next() !== null) throw new Error("The chunk has more rows than records.");
    return this.#verdict.end(isWhole ? whole.view() : undefined);
  }

  /** Whether the line is now an accepted record just as it stands. */
  #line(line: string): boolean {
    const { validator } = this.#spec;
    const verdict = this.#verdict;
    const record = JSON.parse(line);
    let faults = validator.check(record, this.#numbers, true) ?? verdict.growthFaults(record, line.length, true);
    if (faults === null) {
      const text = this.#keepsLines ? line : JSON.stringify(record);
      faults = verdict.accept(text, record, validator.filled ? text.length - line.length : 0);
    }
    if (faults === null) return this.#keepsLines;
    this.#reject(faults);
    return false;
  }

  /** The slow way: each record alone, so that a wrong one spoils no other. */
  async eachAlone(pace: Pace): Promise<CheckedChunk> {
    await pace.each(this.#placesOf().length, this.#chunk.data.length, (i) => this.#alone(i));
    return this.#verdict.end();
  }

  /** False: no line of it is written. */
  #alone(index: number): false {
    const { envelope, maxRecordBytes } = this.#spec;
    const place = this.#placesOf()[index];
    if (place === undefined) return false;
    const bytes = this.#chunk.data.subarray(place.start, place.end);
    if (this.#oversized.has(index)) this.#reject(tooLarge(maxRecordBytes));
    else if (envelope.charset !== "windows-1252" && !isUtf8(bytes)) this.#reject(encodingFault("UTF-8"));
    else this.#record(decode(bytes, envelope));
    return false;
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
    const faults =
      this.#spec.validator.check(record, numbers) ?? this.#growthFaults(record, cells) ?? this.#accept(record);
    if (faults !== null) this.#reject(faults);
    if (numbers.size > 0) numbers.clear();
  }

  #growthFaults(record: Record<string, unknown>, cells: string[]): RecordFault[] | null {
    if (this.#spec.validator.growth === 0) return null;
    const sent = cells.reduce((sum, cell) => sum + cell.length + 1, 0);
    return this.#verdict.growthFaults(record, sent, true);
  }

  /** Not null: there is no room for it. */
  #accept(record: Record<string, unknown>): RecordFault[] | null {
    const numbers = this.#numbers;
    const text = numbers.size === 0 ? JSON.stringify(record) : numbers.stringify(record);
    const { filled, growth } = this.#spec.validator;
    const grown = filled ? Math.min(growth, text.length) : 0;
    return this.#verdict.accept(text, numbers.size === 0 ? record : numbers.delivered(record), grown);
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
