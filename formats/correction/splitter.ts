/** Splits a correction like any body of its format, and then takes `_record` and `_errors` off its records. */
import { isUtf8 } from "node:buffer";
import { lineStarts } from "../check/ndjson.ts";
import { dialectOf } from "../csv/dialect.ts";
import { csvRecordStarts } from "../csv/scan.ts";
import type { Envelope, Format, RawChunk, SplitLimits, Splitter, WholeBody } from "../formats.ts";
import type { SheetRow } from "../xlsx/sheet.ts";
import { cellsOf, storedRow } from "../xlsx/stored.ts";
import { ReservedColumns } from "./cells.ts";
import { withoutReserved } from "./members.ts";
import {
  correctedNumber,
  type RecordNumber,
  recordNumber,
  reservedPlaces,
  withNumbers,
  withoutReservedColumns,
} from "./reserved.ts";

/** A record of JSON without a member. */
const NO_MEMBERS = /^\s*\{\s*\}\s*$/;

interface Left {
  record: Buffer;
  number: RecordNumber;
}

/** How much longer a record may be while it has `_record` and `_errors`. */
const RESERVED_BYTES = 64 * 1024;

/**
 * `make`: makes the splitter of such bodies. `corrects`: what the envelope says of it. The first line of each chunk has the numbers of
 * its records. Records are as long as they are without the two.
 */
export function correctionSplitter(
  make: (limits: SplitLimits) => Splitter,
  limits: SplitLimits,
  format: Format,
  corrects: Envelope["corrects"],
): Splitter {
  const { maxRecordBytes } = limits;
  const splitter = make({ ...limits, maxRecordBytes: maxRecordBytes + RESERVED_BYTES });
  const strip = (chunk: RawChunk) => withoutReservedOf(chunk, splitter.envelope, { format, maxRecordBytes });
  const stripped = (chunks: RawChunk[]) => chunks.map(strip);
  const { whole } = splitter;
  return {
    push: (bytes) => stripped(splitter.push(bytes)),
    end: () => stripped(splitter.end()),
    get envelope() {
      return { ...envelopeOf(splitter.envelope, format), corrects };
    },
    get records() {
      return splitter.records;
    },
    ...(whole && { whole: strippedWhole(whole, strip) }),
  } as Splitter;
}

function strippedWhole(whole: WholeBody, strip: (chunk: RawChunk) => RawChunk): WholeBody {
  return {
    write: (bytes) => whole.write(bytes),
    close: () => whole.close(),
    async *chunks(inTurn) {
      for await (const chunk of whole.chunks(inTurn)) yield strip(chunk);
    },
  };
}

function envelopeOf(envelope: Envelope, format: Format): Envelope {
  if (format === "csv") return new ReservedColumns(envelope).envelope(envelope);
  if (envelope.header === undefined) return envelope;
  return { ...envelope, header: withoutReservedColumns(envelope.header) };
}

interface Stripping {
  format: Format;
  maxRecordBytes: number;
}

function withoutReservedOf(chunk: RawChunk, envelope: Envelope, { format, maxRecordBytes }: Stripping): RawChunk {
  const { data } = chunk;
  const oversized = new Set(chunk.oversized);
  const places = format === "csv" ? csvRecordStarts(data, dialectOf(envelope)) : lineStarts(data);
  const strip = stripOf(envelope, format);
  const numbers: RecordNumber[] = [];
  const parts: Buffer[] = [];
  let from = 0;
  for (const { start, end } of places) {
    const { record, number } = strip(data.subarray(start, end));
    // Blank lines stay in the text, so that line numbers stay right.
    parts.push(data.subarray(from, start), record);
    if (record.length > maxRecordBytes) oversized.add(numbers.length);
    numbers.push(number);
    from = end;
  }
  return { ...chunk, oversized: [...oversized], data: withNumbers(numbers, [...parts, data.subarray(from)]) };
}

function stripOf(envelope: Envelope, format: Format): (record: Buffer) => Left {
  if (format === "csv") {
    const columns = new ReservedColumns(envelope);
    return (record) => {
      const { row, number } = columns.row(record);
      return { record: row, number };
    };
  }
  if (format === "xlsx") return storedOf(envelope);
  return (record) => {
    // What is no text is refused, and stays as it came.
    if (!isUtf8(record)) return { record, number: null };
    const { line, number } = withoutReserved(record.toString());
    return { record: Buffer.from(line), number };
  };
}

function storedOf({ header = [] }: Envelope): (record: Buffer) => Left {
  const { number: at, errors } = reservedPlaces(header);
  const reserved = [at, errors].filter((place) => place >= 0);
  return (record) => {
    const stored = JSON.parse(record.toString()) as Parameters<typeof cellsOf>[0];
    const cells = cellsOf(stored);
    const row: SheetRow = { number: stored.row, columns: [], cells: [], isCut: false };
    for (const [place, cell] of cells.entries()) {
      if (cell === undefined || reserved.includes(place)) continue;
      row.columns.push(place - reserved.filter((one) => one < place).length);
      row.cells.push(cell);
    }
    return {
      record: Buffer.from(storedRow(row)),
      number: correctedNumber(recordNumber(cells[at]?.text ?? ""), cells[errors]?.text ?? ""),
    };
  };
}

/** Whether the text of a record, as a correction's chunk has it, holds no value: `{}`, or cells that are all empty. */
export function isWithoutValue(raw: string, format: Format, envelope: Envelope): boolean {
  if (format === "xlsx") {
    const cells = cellsOf(JSON.parse(raw) as Parameters<typeof cellsOf>[0]);
    return cells.every((cell) => cell === undefined || cell.text === "");
  }
  if (format !== "csv") return NO_MEMBERS.test(raw);
  const { delimiter, quoteChar } = dialectOf(envelope);
  return [...raw].every((char) => char === delimiter || char === quoteChar || char === "\r");
}
