/** How each format is read: from a body to chunks, from a chunk to checked records, and back to a body. */
import { Problem } from "../lib/errors.ts";
import type { CheckSpec, ChunkContent } from "./check/chunk-verdict.ts";
import { checkCsvChunk } from "./check/csv.ts";
import { originAt, PLACE_NUMBERS } from "./check/error-report.ts";
import { checkJsonLines, lineStarts } from "./check/ndjson.ts";
import { Pace } from "./check/pace.ts";
import { checkXlsxChunk, rowStarts } from "./check/xlsx.ts";
import { refusingReserved } from "./correction/reserved-members.ts";
import { correctionSplitter } from "./correction/splitter.ts";
import { csvLine } from "./csv/cells.ts";
import { asUtf8, dialectOf } from "./csv/dialect.ts";
import { csvRecordStarts } from "./csv/scan.ts";
import { decodedFirst, UTF_8 } from "./encoding/transcoder.ts";
import {
  type CheckedChunk,
  type Envelope,
  type Format,
  knownFormats,
  type RecordPlaces,
  type SplitLimits,
  type Splitter,
} from "./formats.ts";
import { recognisedBytes, recognisedText, withLineEnds } from "./recognise/recognised.ts";
import { type CsvOptions, CsvSplitter } from "./split/csv.ts";
import { JsonSplitter } from "./split/json.ts";
import { NdjsonSplitter } from "./split/ndjson.ts";
import { StoredRowsSplitter, storedHead, WorkbookSplitter } from "./split/xlsx.ts";

export interface SplitOptions extends CsvOptions {
  /** The name of the body's encoding, where no BOM says another. */
  encoding?: string;
  /** Set if the body corrects rejected records. */
  corrects?: Envelope["corrects"];
  /** Its beginning was looked at before: records of an earlier batch. */
  isKnown?: boolean;
}

/** Where a record is in a chunk's data, and on which line (from 0). */
interface Place {
  start: number;
  end: number;
  line: number;
  /** The number of a row in its sheet. */
  row?: number | null;
}

interface Parts {
  /** Cuts a body at record boundaries. It never parses a record. */
  splitter(limits: SplitLimits, options: SplitOptions): Splitter;
  /** Parses and checks the records of a chunk as the splitter cut it. Rejects records, never throws for one. */
  check(chunk: ChunkContent, spec: CheckSpec, pace: Pace): Promise<CheckedChunk>;
  places(data: Buffer, envelope: Envelope): Place[];
  /** Rejected records come again, each as a line with its own text, in this format and after this beginning. */
  again: { format: Format; head(envelope: Envelope): string };
}

const jsonLines = {
  check: checkJsonLines,
  places: lineStarts,
  // An element of an array too: one that is no JSON any more would break an array around all of them.
  again: { format: "ndjson", head: () => "" },
} as const;

const parts: Record<Format, Parts> = {
  ndjson: { splitter: (limits) => new NdjsonSplitter(limits), ...jsonLines },
  csv: {
    splitter: (limits, options) =>
      new CsvSplitter(limits, { ...options, delimiter: checkedDelimiter(options.delimiter) }),
    check: checkCsvChunk,
    places: (data, envelope) => csvRecordStarts(data, dialectOf(envelope)),
    again: { format: "csv", head: (envelope) => `${csvLine(headerOf(envelope), dialectOf(envelope))}\n` },
  },
  json: { splitter: (limits) => new JsonSplitter(limits), ...jsonLines },
  xlsx: {
    splitter: (limits, options) =>
      options.isKnown ? new StoredRowsSplitter(limits, options) : new WorkbookSplitter(limits, options),
    check: checkXlsxChunk,
    places: rowStarts,
    again: { format: "xlsx", head: storedHead },
  },
};

const headerOf = ({ header = [], nameless = 0 }: Envelope): string[] => [...header, ...Array(nameless).fill("")];

/** The scanner works on bytes: a delimiter is one ASCII character that has no other meaning. */
function checkedDelimiter(delimiter: string | undefined): string | undefined {
  if (delimiter === undefined || /^[\t\x20!\x23-\x7e]$/.test(delimiter)) return delimiter;
  throw new Problem("unsupported-media-type", "delimiter must be one printable ASCII character or tab, and no quote.");
}

/** Throws unsupported-media-type. */
export function createSplitter(format: Format, limits: SplitLimits, options: SplitOptions = {}): Splitter {
  const { encoding = UTF_8, isKnown = false } = options;
  const { corrects } = options;
  const make = (own: SplitLimits) => parts[format].splitter(own, options);
  const splitter = corrects ? correctionSplitter(make, limits, format, corrects) : make(limits);
  if (splitter.whole) return splitter;
  if (isKnown) return decodedFirst(splitter, encoding);
  const own = knownFormats[format].hasCells || corrects ? splitter : refusingReserved(splitter);
  const guarded = isHeaderFirst(format, options) ? withLineEnds(own, options) : own;
  const text = recognisedText(guarded, format, options);
  return recognisedBytes(decodedFirst(text, encoding), encoding);
}

const isHeaderFirst = (format: Format, { hasHeader, read }: SplitOptions): boolean =>
  knownFormats[format].hasCells && (hasHeader ?? read?.dialect.header ?? true);

/** See `Parts.check`. It pauses for other work every few ms, and throws the signal's reason after an abort. */
export const checkChunk = (chunk: ChunkContent, spec: CheckSpec, signal?: AbortSignal): Promise<CheckedChunk> =>
  parts[spec.format].check(chunk, spec, new Pace(spec.validator, signal));

/** How the rejected records of a body in this format come again. */
export const retried = (format: Format): Parts["again"] => parts[format].again;

/** Where the records of a chunk are, and on which lines. For records that are refused after their check. */
export function recordPlaces(chunk: ChunkContent, format: Format, envelope: Envelope): RecordPlaces {
  const data = asUtf8(chunk.data, envelope);
  const found = parts[format].places(data, envelope);
  const places = new Float64Array(found.length * PLACE_NUMBERS);
  for (const [i, { start, end, line, row }] of found.entries()) {
    const of = row ?? (chunk.firstLine === null ? null : chunk.firstLine + line);
    places.set([start, end, of ?? 0], i * PLACE_NUMBERS);
  }
  return { data, places };
}

/** The line and the text that records of a chunk came with, by their place in it. */
export function recordOrigins(chunk: ChunkContent, format: Format, envelope: Envelope, indexes: number[]) {
  const places = recordPlaces(chunk, format, envelope);
  return indexes.map((index) => originAt(places, index));
}
