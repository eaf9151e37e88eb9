/** Splits a correction like any body of its format, and then takes `_record` and `_errors` off its records. */
import { isUtf8 } from "node:buffer";
import { lineStarts } from "../check/ndjson.ts";
import { dialectOf } from "../csv/dialect.ts";
import { csvRecordStarts } from "../csv/scan.ts";
import type { Envelope, Format, RawChunk, Splitter, WholeBody } from "../formats.ts";
import type { SheetRow } from "../xlsx/sheet.ts";
import { cellsOf, storedRow } from "../xlsx/stored.ts";
import { ReservedColumns } from "./cells.ts";
import { withoutReserved } from "./members.ts";
import { correctedNumber, numberMember, type RecordNumber, recordNumber, textMember, withNumbers } from "./reserved.ts";

interface Left {
  record: Buffer;
  number: RecordNumber;
}

/** `corrects`: what the envelope says of it. The first line of each chunk has the numbers of its records. */
export function correctionSplitter(splitter: Splitter, format: Format, corrects: Envelope["corrects"]): Splitter {
  const stripped = (chunks: RawChunk[]) => chunks.map((chunk) => withoutReservedOf(chunk, splitter.envelope, format));
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
    ...(whole && { whole: strippedWhole(whole, () => splitter.envelope) }),
  } as Splitter;
}

function strippedWhole(whole: WholeBody, envelope: () => Envelope): WholeBody {
  return {
    write: (bytes) => whole.write(bytes),
    close: () => whole.close(),
    async *chunks(inTurn) {
      for await (const chunk of whole.chunks(inTurn)) yield withoutReservedOf(chunk, envelope(), "xlsx");
    },
  };
}

function envelopeOf(envelope: Envelope, format: Format): Envelope {
  if (format === "csv") return new ReservedColumns(envelope).envelope(envelope);
  if (envelope.header === undefined) return envelope;
  return { ...envelope, header: envelope.header.filter((name) => name !== numberMember && name !== textMember) };
}

function withoutReservedOf(chunk: RawChunk, envelope: Envelope, format: Format): RawChunk {
  const { data } = chunk;
  const places = format === "csv" ? csvRecordStarts(data, dialectOf(envelope)) : lineStarts(data);
  const strip = stripOf(envelope, format);
  const numbers: RecordNumber[] = [];
  const parts: Buffer[] = [];
  let from = 0;
  for (const { start, end } of places) {
    const { record, number } = strip(data.subarray(start, end));
    // Blank lines stay, so that lines count.
    parts.push(data.subarray(from, start), record);
    numbers.push(number);
    from = end;
  }
  return { ...chunk, data: withNumbers(numbers, [...parts, data.subarray(from)]) };
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
  const at = header.indexOf(numberMember);
  const errors = header.indexOf(textMember);
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
