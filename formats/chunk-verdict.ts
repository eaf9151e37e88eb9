import type {
  CheckedChunk,
  Envelope,
  Format,
  RawChunk,
  RecordFault,
  RecordValidator,
  RejectedRecord,
} from "./formats.ts";

/** What a chunk holds that is needed to check it. */
export type ChunkContent = Pick<RawChunk, "firstLine" | "records" | "data" | "oversized">;

export interface CheckSpec {
  format: Format;
  envelope: Envelope;
  validator: RecordValidator;
  /** Whether the accepted records are wanted as values too, for a handler. */
  values: boolean;
  maxRecordBytes: number;
}

/** Takes the verdict on each record of a chunk, in order. */
export class ChunkVerdict {
  readonly #texts: string[] = [];
  readonly #rejected: RejectedRecord[] = [];
  readonly #values: Record<string, unknown>[] | null;

  constructor(withValues: boolean) {
    this.#values = withValues ? [] : null;
  }

  /** Records so far. */
  get records(): number {
    return this.#texts.length + this.#rejected.length;
  }

  get rejected(): readonly RejectedRecord[] {
    return this.#rejected;
  }

  accept(text: string, value: Record<string, unknown>): void {
    this.#texts.push(text);
    this.#values?.push(value);
  }

  /** PostgreSQL takes no NUL in a text, ever. */
  reject(line: number | null, raw: string, errors: RecordFault[]): void {
    this.#rejected.push({ index: this.records, line, raw: raw.replaceAll("\0", "\uFFFD"), errors });
  }

  /** `whole`: the accepted texts joined, where the caller has them so already. */
  end(whole?: string): CheckedChunk {
    const text = whole ?? this.#texts.join("\n");
    return { records: this.records, text, rejected: this.#rejected, values: this.#values };
  }
}

/** A fault of a record as a whole. */
export const wholeFault = (code: string, message: string): RecordFault[] => [{ field: "", code, message }];

export const encodingFault = (charset: string): RecordFault[] =>
  wholeFault("encoding", `The record is not valid ${charset}.`);

export const tooLarge = (limit: number): RecordFault[] =>
  wholeFault("too_large", `The record is longer than ${limit} bytes.`);

/** What is not kept of a record that was rejected by one of these two; a handler may have codes of the same names. */
export function lostPart(faults: readonly RecordFault[]): "bytes" | "end" | null {
  const [{ field, code, message } = { field: "", code: "", message: "" }] = faults;
  if (field !== "") return null;
  if (code === "encoding" && /^The record is not valid [\w-]+\.$/.test(message)) return "bytes";
  return code === "too_large" && /^The record is longer than \d+ bytes\.$/.test(message) ? "end" : null;
}

/** A chunk that holds other records than the splitter counted would shift every number after it: a defect, so it is loud. */
export function assertRecords(verdict: ChunkVerdict, { records }: ChunkContent): void {
  if (verdict.records === records) return;
  throw new Error(`The chunk was split into ${records} records, and ${verdict.records} were found in it.`);
}
