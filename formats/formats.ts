/** The formats of a body, and the words that splitting (at ingest) and checking (at work) share. */
import { type JsonSchema, text } from "../lib/json-schema.ts";
import type { RecordFault } from "./check/fault-bounds.ts";
import type { GroupedFaults } from "./check/fault-groups.ts";
import type { RecordNumbers } from "./check/record-numbers.ts";
import type { CellKinds } from "./check/text-conversion.ts";

export type { RecordFault } from "./check/fault-bounds.ts";

interface FormatFacts {
  /** The first is the usual one. */
  mediaTypes: readonly string[];
  /** The endings of file names, without a dot. */
  endings: readonly string[];
  /** The same with a tab as its delimiter, where that has a name of its own. */
  withTab?: { name: string; mediaTypes: readonly string[]; endings: readonly string[] };
  /** Records are rows of texts, in a charset and with a delimiter that the media type may name; the schema converts them. */
  hasCells: boolean;
  /** The schema of a body, for the OpenAPI document. */
  schema: JsonSchema;
  /** Bodies with the same two orders. */
  examples: Readonly<Record<string, unknown>>;
}

const orders = [
  { order_id: "SO-100001", sku: "MUG-0350-BLU", quantity: 5 },
  { order_id: "SO-100005", sku: "SPOON-OAK", quantity: 0 },
];

/** What is known of each format, beside how it is read (parts.ts). */
export const knownFormats = {
  csv: {
    // The last one is what browsers on Windows call a .csv.
    mediaTypes: ["text/csv", "application/csv", "text/x-csv", "application/vnd.ms-excel"],
    endings: ["csv", "txt"],
    withTab: { name: "tsv", mediaTypes: ["text/tab-separated-values"], endings: ["tsv", "tab"] },
    hasCells: true,
    schema: text(
      "A header row, then a record a row. Parameters of the media type: `charset` (any label of the WHATWG Encoding Standard), `delimiter` (else found among comma, `;`, tab and `|`) and `header` (`present`, `absent`).",
    ),
    examples: { orders: "order_id,sku,quantity\nSO-100001,MUG-0350-BLU,5\nSO-100005,SPOON-OAK,0\n" },
  },
  ndjson: {
    mediaTypes: [
      "application/x-ndjson",
      "application/ndjson",
      "application/jsonl",
      "application/x-jsonl",
      "application/jsonlines",
      "application/x-jsonlines",
    ],
    endings: ["ndjson", "jsonl"],
    hasCells: false,
    // Without contentMediaType, for which viewers would offer to send a file instead of the example.
    schema: text("A record a line, each a JSON object."),
    examples: { orders: orders.map((order) => `${JSON.stringify(order)}\n`).join("") },
  },
  json: {
    mediaTypes: ["application/json"],
    endings: ["json"],
    hasCells: false,
    schema: {
      oneOf: [
        { type: "array", items: {} },
        {
          type: "object",
          properties: { records: { type: "array", items: {} } },
          required: ["records"],
          additionalProperties: false,
        },
      ],
    },
    examples: { array: orders, object: { records: orders } },
  },
  xlsx: {
    mediaTypes: ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"],
    endings: ["xlsx"],
    hasCells: true,
    schema: {
      ...text(
        "An Excel workbook. Of the sheet that the policy names, or the first one: a header row, then a record a row.",
      ),
      // Viewers then offer to send a file.
      contentMediaType: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    },
    // A workbook is no text.
    examples: {},
  },
} as const satisfies Record<string, FormatFacts>;

export type Format = keyof typeof knownFormats;
export const formats = Object.keys(knownFormats) as Format[];
export type Charset = "utf-8" | "windows-1252";

/** What the body told once and each chunk needs to be read alone. Kept with the batch as JSON. */
export interface Envelope {
  /** The charset of the chunks. Bodies become UTF-8 before they are split; those of earlier releases may be windows-1252. */
  charset?: Charset;
  /** The encoding of the body, if it was not UTF-8. */
  encoding?: string;
  /** Set if the body corrects rejected records: the id of the batch with these records, and of the first batch of the chain. */
  corrects?: { id: number; first: number };
  /** The following members exist only for CSV. */
  delimiter?: string;
  /** The quote character, if it is not `"`. */
  quoteChar?: string;
  escapeChar?: string;
  skipInitialSpace?: boolean;
  /** The names of its columns. */
  header?: string[];
  /** The header row as it came, where the names alone do not give it: with its quotes, blanks and nameless columns. */
  headerText?: string;
  /** Columns behind them without a name, which are to be empty. */
  nameless?: number;
  /** Whether names stand for fields, by schema and policy. In batches of earlier releases each name is a field's. */
  isMapped?: boolean;
}

/** Where the records of a chunk are in its bytes. */
export interface RecordPlaces {
  data: Uint8Array;
  /** For each record: where it starts, where it ends, and its line (0: it has none). */
  places: Float64Array;
}

/** Consecutive records as they came, cut from the body; never parsed at ingest. */
export interface RawChunk {
  /** The number of the chunk, from 0. */
  no: number;
  /** The number of its first record in the body, from 1. */
  firstRecord: number;
  /** The physical line on which `data` begins, from 1 (a CSV header is line 1); null for JSON arrays, and for XLSX, whose rows have their numbers. */
  firstLine: number | null;
  /** How many records it holds; blank lines are none. */
  records: number;
  /**
   * NDJSON, CSV: the rows as sent (blank lines included, so that lines can be counted), without the CSV header. Rows of CSV
   * end with LF or CR LF here, and blank ones are empty.
   * JSON: one element a line; CR and LF outside strings are spaces.
   * XLSX: one row a line, with its number (formats/xlsx/stored.ts).
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
  /** The most bytes of the body, and of its decompressed parts. */
  maxBytes?: number;
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
  /** For a format that can be read only when all of it is there. It takes the body, in place of `push` and `end`. */
  readonly whole?: WholeBody;
}

export interface WholeBody {
  /** Throws a Problem (malformed-body, unavailable). */
  write(bytes: Buffer): Promise<void>;
  /** The body has ended: its chunks. `inTurn` does a piece of work of a few ms. Throws as a splitter does. */
  chunks(inTurn: <T>(work: () => T) => Promise<T>): AsyncIterable<RawChunk>;
  /** Gives back what the body took. Must be called in the end. */
  close(): Promise<void>;
}

export interface RejectedRecord {
  /** Its place in the chunk, from 0. */
  index: number;
  line: number | null;
  /** The record as it was sent. NUL is replaced as error-report.ts says. */
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
  /** All faults of the rejected ones, also of those that are not listed. The numbers of records are places in the chunk. */
  grouped: GroupedFaults;
  /** The accepted records as values, only where asked for (a custom handler). A number that no double holds is its digits, a text. */
  values: Record<string, unknown>[] | null;
}

/** Checks one value, which it may change (defaults, conversions). Null: valid. */
export interface RecordValidator {
  /** The schema from which the validator was made. */
  readonly schema: object;
  /**
   * `numbers`: those that no double holds, for which stand-ins are in the value. What is converted adds to them.
   * `isConverted`: the texts of a row of CSV are values already, by their columns' kinds.
   */
  check(value: unknown, numbers: RecordNumbers, isConverted?: boolean): RecordFault[] | null;
  /** What the cells of columns of CSV become. Null: to find out costs more work than a record may; it goes on at the next call. */
  cellKinds(names: readonly string[]): (CellKinds | null)[] | null;
  /** The types of a property, also of one that only patterns or `additionalProperties` speak of. None: it would cost too much to know. */
  typesOf(name: string): ReadonlySet<unknown>;
  /** Whether the last check put defaults into the record, which its own text does not have. */
  readonly filled: boolean;
  /** Bytes that its defaults may add to a record; infinite where one may be put in more than once. */
  growth: number;
  /** The approximate cost of the last check: how many keywords it has looked at. */
  readonly work: number;
}
