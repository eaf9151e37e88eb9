import { isUtf8 } from "node:buffer";
import { CellReader, type QuoteFault } from "../csv/cells.ts";
import { asUtf8, dialectOf, isPlainDialect } from "../csv/dialect.ts";
import { type CsvPlace, csvRecordStarts } from "../csv/scan.ts";
import type { CheckedChunk, RecordFault } from "../formats.ts";
import { putInto, WRONG } from "../read/cell.ts";
import { formatFault, withCells, withSchemaFaults } from "../read/faults.ts";
import { type Plans, plansOf } from "../read/plans.ts";
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
import { jsonValue } from "./json-value.ts";
import type { Pace } from "./pace.ts";
import { RecordNumbers, TooManyNumbers } from "./record-numbers.ts";

const LF = 10;
const NO_ROWS = Buffer.alloc(0);

/** Checks the rows of a chunk of CSV. */
export async function checkCsvChunk(stored: ChunkContent, spec: CheckSpec, pace: Pace): Promise<CheckedChunk> {
  const { envelope, read = null, validator } = spec;
  const chunk = { ...stored, data: asUtf8(stored.data, envelope) };
  const verdict = new ChunkVerdict(spec);
  const plans = plansOf(envelope, read, validator);
  const check = new CsvCheck(chunk, spec, plans, verdict);
  const rows = jsonRows(chunk, spec, plans);
  const checked = rows === null ? await check.eachAlone(pace) : await check.rows(rows, pace);
  assertRecords(verdict, chunk);
  return checked;
}

/**
 * Null where a record may be too long or no UTF-8, where it is not known in time what the columns' cells become, and for
 * rows that are written or nested in an unusual way.
 */
function jsonRows(
  { data, oversized }: ChunkContent,
  { envelope, isReadOnly }: CheckSpec,
  plans: Plans,
): JsonRows | null {
  const isNested = plans.columns.some(({ path }) => path !== null && path.length > 1);
  if (!plans.areTyped || isNested || oversized.length > 0 || isReadOnly) return null;
  if (!isPlainDialect(dialectOf(envelope)) || !isUtf8(data)) return null;
  return new JsonRows(data, plans, envelope.delimiter ?? ",");
}

/** Whether JavaScript puts a property of this name before all others. */
const isIndex = (name: string): boolean => /^(?:0|[1-9]\d{0,9})$/.test(name);

class CsvCheck {
  readonly #chunk: ChunkContent;
  readonly #spec: CheckSpec;
  readonly #plans: Plans;
  readonly #verdict: ChunkVerdict;
  /** Whether a row's line of JSON is the text of its record: nothing is put in, and JavaScript keeps the order of its names. */
  readonly #keepsLines: boolean;
  /** Numbers of the current record that no double holds. */
  readonly #numbers = new RecordNumbers();
  readonly #oversized: ReadonlySet<number>;
  readonly #reader: CellReader;
  #places: CsvPlace[] | undefined;

  constructor(chunk: ChunkContent, spec: CheckSpec, plans: Plans, verdict: ChunkVerdict) {
    this.#chunk = chunk;
    this.#spec = spec;
    this.#plans = plans;
    this.#verdict = verdict;
    this.#oversized = new Set(chunk.oversized);
    this.#reader = new CellReader(dialectOf(spec.envelope));
    this.#keepsLines =
      spec.validator.growth === 0 && !plans.columns.some(({ path }) => path !== null && isIndex(path[0] as string));
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
      const isKept = line === "" ? this.#alone(i) : this.#line(line, i);
      isWhole &&= isKept;
    });
    if (next < lines.length || rows.next() !== null) throw new Error("The chunk has more rows than records.");
    return this.#verdict.end(isWhole ? whole.view() : undefined);
  }

  /** Whether the line, unchanged, is an accepted record. */
  #line(line: string, index: number): boolean {
    const { validator } = this.#spec;
    const verdict = this.#verdict;
    const record = jsonValue(line) as Record<string, unknown>;
    const faults = validator.check(record, this.#numbers, true);
    if (faults !== null) {
      this.#reject(withCells(faults, this.#plans, this.#cellsOf(index)));
      return false;
    }
    const text = this.#keepsLines ? line : JSON.stringify(record);
    const full =
      verdict.growthFaults(record, line.length, true) ??
      verdict.accept(text, record, validator.filled ? text.length - line.length : 0);
    if (full === null) return this.#keepsLines;
    this.#reject(full);
    return false;
  }

  #cellsOf(index: number): string[] {
    const { start, end } = this.#placesOf()[index] as CsvPlace;
    return this.#reader.cells(this.#chunk.data.toString("utf8", start, end));
  }

  /** The slow path: reads each record alone, so that a wrong one does not affect others. */
  async eachAlone(pace: Pace): Promise<CheckedChunk> {
    await pace.each(this.#placesOf().length, this.#chunk.data.length, (i) => this.#alone(i));
    return this.#verdict.end();
  }

  /** False: no line of it is written. */
  #alone(index: number): false {
    const { maxRecordBytes } = this.#spec;
    const place = this.#placesOf()[index];
    if (place === undefined) return false;
    const bytes = this.#chunk.data.subarray(place.start, place.end);
    if (this.#oversized.has(index)) this.#reject(tooLarge(maxRecordBytes));
    else if (!isUtf8(bytes)) this.#reject(encodingFault(this.#spec.envelope.encoding ?? "UTF-8"));
    else this.#record(bytes.toString());
    return false;
  }

  #record(text: string): void {
    const cells = this.#reader.cells(text);
    const { fault } = this.#reader;
    const faults = fault === null ? this.#widthFaults(cells) : wholeFault("malformed", quoteMessage(fault));
    if (faults === null) this.#row(cells);
    else this.#reject(faults);
  }

  #widthFaults(cells: string[]): RecordFault[] | null {
    const { columns, least, nameless } = this.#plans;
    const expected = columns.length;
    if (cells.length < least || cells.length > expected + nameless)
      return wholeFault("columns", `The row should have ${expected} cells, and has ${cells.length}.`);
    const stray = cells.findIndex((cell, i) => i >= expected && cell.trim() !== "");
    return stray < 0 ? null : wholeFault("columns", `Cell ${stray + 1} stands in a column without a name.`);
  }

  #row(cells: string[]): void {
    const { columns, areTyped } = this.#plans;
    const numbers = this.#numbers;
    const record: Record<string, unknown> = {};
    const wrong: RecordFault[] = [];
    const end = Math.min(cells.length, columns.length);
    try {
      for (let i = 0; i < end; i++) {
        const plan = columns[i] as Plans["columns"][number];
        if (plan.path === null) continue;
        const cell = cells[i] as string;
        const value = plan.value(cell, numbers);
        if (value === WRONG) wrong.push(formatFault(plan));
        if (value !== undefined) putInto(record, plan.path, value === WRONG ? cell : value);
      }
      // The check also converts what the cells did not show.
      const unfit = this.#spec.validator.check(record, numbers, areTyped);
      const found = this.#spec.isReadOnly ? null : withSchemaFaults(wrong, unfit);
      const faults =
        found === null
          ? (this.#growthFaults(record, cells) ?? this.#verdict.acceptRow(record, numbers))
          : withCells(found, this.#plans, cells);
      if (faults !== null) this.#reject(faults);
    } catch (error) {
      if (!(error instanceof TooManyNumbers)) throw error;
      this.#reject([error.fault]);
    }
    if (numbers.size > 0) numbers.clear();
  }

  #growthFaults(record: Record<string, unknown>, cells: string[]): RecordFault[] | null {
    if (this.#spec.validator.growth === 0 || this.#spec.isReadOnly) return null;
    const sent = cells.reduce((sum, cell) => sum + cell.length + 1, 0);
    return this.#verdict.growthFaults(record, sent, true);
  }

  /** Lines and raw text are looked up only now: most chunks have nothing to reject. */
  #reject(faults: RecordFault[]): void {
    const place = this.#placesOf()[this.#verdict.records] as CsvPlace;
    const { firstLine, data } = this.#chunk;
    const raw = data.toString("utf8", place.start, place.end);
    this.#verdict.reject(firstLine === null ? null : firstLine + place.line, raw, faults);
  }

  #placesOf(): CsvPlace[] {
    this.#places ??= csvRecordStarts(this.#chunk.data, dialectOf(this.#spec.envelope));
    return this.#places;
  }
}

const quoteMessage = ({ at, isOpen }: QuoteFault): string =>
  isOpen ? "A quoted cell never ends." : `A quote is out of place: text follows it at character ${at}.`;
