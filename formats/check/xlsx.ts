/** Checks the rows of a chunk of XLSX: cells have their types, and texts are converted as those of CSV are. */
import type { CheckedChunk, RecordFault } from "../formats.ts";
import { putInto, WRONG } from "../read/cell.ts";
import { formatFault, withCells, withSchemaFaults } from "../read/faults.ts";
import { type Plans, plansOf } from "../read/plans.ts";
import { typedValue, typesOf } from "../read/typed.ts";
import { columnName } from "../xlsx/references.ts";
import type { Cell, CellKind } from "../xlsx/sheet.ts";
import { cellsOf, rowNumberOf, type StoredRow, strayMessage } from "../xlsx/stored.ts";
import {
  assertRecords,
  type CheckSpec,
  type ChunkContent,
  ChunkVerdict,
  tooLarge,
  wholeFault,
} from "./chunk-verdict.ts";
import { lineStarts } from "./ndjson.ts";
import type { Pace } from "./pace.ts";
import { RecordNumbers, TooManyNumbers } from "./record-numbers.ts";

export async function checkXlsxChunk(chunk: ChunkContent, spec: CheckSpec, pace: Pace): Promise<CheckedChunk> {
  const verdict = new ChunkVerdict(spec);
  const check = new RowCheck(spec, verdict);
  const oversized = new Set(chunk.oversized);
  const places = lineStarts(chunk.data);
  await pace.each(places.length, chunk.data.length, (i) => {
    const { start, end } = places[i] as (typeof places)[number];
    check.line(chunk.data.toString("utf8", start, end), oversized.has(i));
  });
  assertRecords(verdict, chunk);
  return verdict.end();
}

/** Where the rows are in a chunk's data. `row`: their numbers in the sheet. */
export const rowStarts = (data: Buffer) =>
  lineStarts(data).map((place) => ({ ...place, row: rowNumberOf(data.toString("utf8", place.start, place.end)) }));

class RowCheck {
  readonly #spec: CheckSpec;
  readonly #verdict: ChunkVerdict;
  readonly #plans: Plans;
  readonly #types: ReadonlySet<unknown>[];
  /** Numbers of the current record that no double holds. */
  readonly #numbers = new RecordNumbers();

  constructor(spec: CheckSpec, verdict: ChunkVerdict) {
    const { envelope, read = null, validator } = spec;
    this.#spec = spec;
    this.#verdict = verdict;
    this.#plans = plansOf(envelope, read, validator);
    this.#types = this.#plans.columns.map((plan) => typesOf(plan, validator));
  }

  line(line: string, isOversized: boolean): void {
    const faults = isOversized ? tooLarge(this.#spec.maxRecordBytes) : this.#faults(line);
    if (faults !== null) this.#verdict.reject(rowNumberOf(line), line, faults);
    if (this.#numbers.size > 0) this.#numbers.clear();
  }

  /** The faults of a row. Null: it is accepted. */
  #faults(line: string): RecordFault[] | null {
    const stored = parsed(line);
    if (stored === null) return wholeFault("malformed", "The row cannot be read.");
    const cells = cellsOf(stored);
    const { columns } = this.#plans;
    const stray = cells.findIndex((cell, i) => i >= columns.length && cell !== undefined && cell.text.trim() !== "");
    if (stray >= 0) return wholeFault("columns", strayMessage(`${columnName(stray)}${stored.row}`));
    try {
      return this.#row(cells, line.length);
    } catch (error) {
      if (!(error instanceof TooManyNumbers)) throw error;
      return [error.fault];
    }
  }

  #row(cells: readonly (Cell | undefined)[], sent: number): RecordFault[] | null {
    const { columns, areTyped } = this.#plans;
    const numbers = this.#numbers;
    const record: Record<string, unknown> = {};
    const wrong: RecordFault[] = [];
    for (const [i, plan] of columns.entries()) {
      const { path, field } = plan;
      if (path === null) continue;
      const cell = cells[i];
      if (cell?.kind === "error" || cell?.kind === "formula") {
        wrong.push(cellFault(field, cell.kind));
        continue;
      }
      const isText = cell === undefined || cell.kind === "text";
      const value = isText
        ? plan.value(cell?.text ?? "", numbers)
        : typedValue(cell, plan, this.#types[i] as ReadonlySet<unknown>, numbers);
      if (value === WRONG) wrong.push(formatFault(plan));
      if (value !== undefined) putInto(record, path, value === WRONG ? cell?.text : value);
    }
    const { validator, isReadOnly } = this.#spec;
    const unfit = validator.check(record, numbers, areTyped);
    if (isReadOnly) return this.#verdict.acceptRow(record, numbers);
    const faults = withSchemaFaults(wrong, unfit);
    if (faults !== null) return withCells(faults, this.#plans, textsOf(cells), (place) => kindOf(cells[place]));
    return this.#verdict.growthFaults(record, sent, true) ?? this.#verdict.acceptRow(record, numbers);
  }
}

/** Rows that come again from an error report may have been cut. */
function parsed(line: string): StoredRow | null {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

const cellFault = (field: string, kind: "error" | "formula"): RecordFault =>
  kind === "error"
    ? { field, code: "cell-error", message: "must be a value; the cell holds an error" }
    : {
        field,
        code: "formula",
        message: "must be a value; the formula has none in the file. Open it in Excel, save it and send it again",
      };

/** The kinds of cells other than text, in words for people. */
function kindOf(cell: Cell | undefined): string | null {
  return cell === undefined || cell.kind === "text" ? null : (KINDS[cell.kind] ?? cell.kind);
}
const KINDS: Partial<Record<CellKind, string>> = { "date-time": "date and time", duration: "time that has passed" };

/** What a report shows of the cells; an empty one, and a formula without a value, show nothing. */
function textsOf(cells: readonly (Cell | undefined)[]): string[] {
  const texts: string[] = [];
  for (const [i, cell] of cells.entries()) if (cell !== undefined && cell.kind !== "formula") texts[i] = cell.text;
  return texts;
}
