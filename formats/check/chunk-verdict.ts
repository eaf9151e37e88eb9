import type {
  CheckedChunk,
  Envelope,
  Format,
  RawChunk,
  RecordFault,
  RecordValidator,
  RejectedRecord,
} from "../formats.ts";
import type { Read } from "../read/read.ts";
import { joined } from "../text-lines.ts";
import { holdsNul, keptText } from "./error-report.ts";
import { ReportRoom } from "./fault-bounds.ts";
import { FaultGroups } from "./fault-groups.ts";
import { CHUNK_CHARACTERS, isLongerThan, namesOf } from "./record-growth.ts";
import type { RecordNumbers } from "./record-numbers.ts";
import { maskedFault, type Sensitive } from "./sensitive.ts";

/** What the check needs of a chunk. */
export type ChunkContent = Pick<RawChunk, "firstLine" | "records" | "data" | "oversized">;

export interface CheckSpec {
  format: Format;
  envelope: Envelope;
  validator: RecordValidator;
  /** The policy's `read`: how cells are read, and which field each column fills. */
  read?: Read | null;
  /** Whether the accepted records are wanted as values too, for a handler. */
  values: boolean;
  maxRecordBytes: number;
  /** Characters that defaults may add to its records together; where omitted, as many as a chunk has room for. */
  maxGrowth?: number;
  /** How many more faults the error report may list. Omitted: the most that one chunk may list. */
  maxFaults?: number;
  /** Fields whose values must not appear in faults. */
  sensitive?: Sensitive;
  /** Each record that can be read is accepted as it is read, whatever the schema says of it. */
  isReadOnly?: boolean;
  /** Places of records that are refused, whatever they say (JSON and NDJSON). */
  naming?: ReadonlySet<number>;
}

type VerdictSpec = Pick<CheckSpec, "values" | "maxFaults" | "maxRecordBytes" | "maxGrowth" | "validator" | "sensitive">;

/** Collects the verdict on each record of a chunk, in order. */
export class ChunkVerdict {
  readonly #texts: string[] = [];
  readonly #rejected: RejectedRecord[] = [];
  readonly #unlisted: number[] = [];
  readonly #groups = new FaultGroups();
  readonly #values: Record<string, unknown>[] | null;
  readonly #report: ReportRoom;
  readonly #maxRecordBytes: number;
  readonly #validator: RecordValidator;
  readonly #sensitive: Sensitive;
  /** Characters that further accepted records may have. */
  #room: number;
  /** Characters that defaults may add to further ones. */
  #growthRoom: number;

  constructor({ values, maxFaults, maxRecordBytes, maxGrowth, validator, sensitive = [] }: VerdictSpec) {
    this.#sensitive = sensitive;
    this.#maxRecordBytes = maxRecordBytes;
    this.#validator = validator;
    this.#room = CHUNK_CHARACTERS + maxRecordBytes;
    this.#values = values ? [] : null;
    this.#growthRoom = maxGrowth ?? Number.POSITIVE_INFINITY;
    this.#report = new ReportRoom(maxFaults ?? Number.MAX_SAFE_INTEGER);
  }

  /** Records so far. */
  get records(): number {
    return this.#texts.length + this.#rejected.length + this.#unlisted.length;
  }

  /**
   * What is wrong with the length of a record that is right and has its defaults; null: nothing. `sent`: characters that it
   * came with. `isRow`: of CSV, where the names of the columns do not count.
   */
  growthFaults(value: Record<string, unknown>, sent: number, isRow: boolean): RecordFault[] | null {
    const limit = this.#maxRecordBytes;
    const { growth } = this.#validator;
    // A character has up to three bytes of UTF-8. Most records need no further look.
    if (growth === 0 || 3 * sent + growth <= Math.min(limit, this.#room)) return null;
    if (isLongerThan(value, isRow ? limit + namesOf(Object.keys(value)) : limit)) return grownTooLong(limit);
    return isLongerThan(value, this.#room) ? CHUNK_FULL : null;
  }

  /**
   * Takes a record that is right; `grown`: characters that defaults added to it. Not null: there is no room for it, and it is
   * to be rejected with these.
   */
  accept(text: string, value: Record<string, unknown>, grown: number): RecordFault[] | null {
    if (text.length > this.#room) return CHUNK_FULL;
    if (grown > this.#growthRoom) return BATCH_FULL;
    this.#room -= text.length;
    this.#growthRoom -= grown;
    this.#texts.push(text);
    this.#values?.push(value);
    return null;
  }

  /** The same of a row's record, whose text is still to be written. `numbers`: those of it that no double holds. */
  acceptRow(record: Record<string, unknown>, numbers: RecordNumbers): RecordFault[] | null {
    const text = numbers.size === 0 ? JSON.stringify(record) : numbers.stringify(record);
    const { filled, growth } = this.#validator;
    const grown = filled ? Math.min(growth, text.length) : 0;
    return this.accept(text, numbers.size === 0 ? record : numbers.delivered(record), grown);
  }

  /** Notes a rejected record. If the report has no room, only the place of the record is kept, and its faults are counted. */
  reject(line: number | null, raw: string, faults: RecordFault[]): void {
    const index = this.records;
    const errors = this.#sensitive.length === 0 ? faults : faults.map((fault) => maskedFault(fault, this.#sensitive));
    this.#groups.add({ record: index, line, errors });
    if (!this.#report.take(errors)) this.#unlisted.push(index);
    else this.#rejected.push({ index, line, raw: keptText(raw), errors });
  }

  /** `whole`: the accepted texts joined, where the caller has them so already. */
  end(whole?: Buffer): CheckedChunk {
    const text = whole ?? joined(this.#texts);
    return {
      records: this.records,
      text,
      rejected: this.#rejected,
      unlisted: this.#unlisted,
      grouped: this.#groups.plain,
      values: this.#values,
    };
  }
}

/** A fault of a record as a whole. */
export const wholeFault = (code: string, message: string): RecordFault[] => [{ field: "", code, message }];

export const encodingFault = (charset: string): RecordFault[] =>
  wholeFault("encoding", `The record is not valid ${charset}.`);

export const tooLarge = (limit: number): RecordFault[] =>
  wholeFault("too_large", `The record is longer than ${limit} bytes.`);

const grownTooLong = (limit: number): RecordFault[] =>
  wholeFault("too_large", `With the schema's defaults the record is longer than ${limit} bytes.`);

/** The fault of a record for which its chunk has no room. */
const CHUNK_FULL: RecordFault[] = wholeFault(
  "too_large",
  "With what its check adds, this record makes its chunk too large.",
);

const BATCH_FULL: RecordFault[] = wholeFault(
  "too_large",
  "With what the schema's defaults add to its records, this record makes its batch too large.",
);

/**
 * The part of a rejected record that is not kept: its bytes, or its end. Null: all is kept. A handler may use the same codes,
 * so the message counts too.
 */
export function lostPart(faults: readonly RecordFault[]): "bytes" | "end" | null {
  const [{ field, code, message } = { field: "", code: "", message: "" }] = faults;
  if (field !== "") return null;
  if (code === "encoding" && /^The record is not valid [\w-]+\.$/.test(message)) return "bytes";
  return code === "too_large" && /^The record is longer than \d+ bytes\.$/.test(message) ? "end" : null;
}

const notRejected = "not-rejected";
const NEVER = "was not rejected, or is corrected already";

/**
 * The fault of a record that corrects no rejected record. `record`: the number that it names; 0: its number cannot be that of a
 * rejected record.
 */
export const notRejectedFault = (record: number): RecordFault[] =>
  wholeFault(
    notRejected,
    record > 0 ? `Record ${record} of the batch ${NEVER}.` : `The record of the batch that it names ${NEVER}.`,
  );

const EMPTY = "comes back without any value, and is not corrected";

/**
 * The fault of a record that names the record it corrects, but has no values. A record that was not stored completely comes back
 * like this unless the partner fills it in.
 */
export const emptyCorrectionFault = (record: number): RecordFault[] =>
  wholeFault(notRejected, `Record ${record} of the batch ${EMPTY}.`);

/** Whether the record was refused because it corrects none. */
export const isNotRejected = ([fault]: readonly RecordFault[]): boolean =>
  fault?.field === "" && fault.code === notRejected && [NEVER, EMPTY].some((end) => fault.message.endsWith(`${end}.`));

/** Whether the kept text of a rejected record is all that it came with, and text. */
export const isKeptWhole = ({ raw, errors }: { raw: string; errors: readonly RecordFault[] }): boolean =>
  lostPart(errors) === null && !holdsNul(raw);

/** A chunk that holds other records than the splitter counted would shift every number after it: a defect, so it is loud. */
export function assertRecords(verdict: ChunkVerdict, { records }: ChunkContent): void {
  if (verdict.records === records) return;
  throw new Error(`The chunk was split into ${records} records, and ${verdict.records} were found in it.`);
}
