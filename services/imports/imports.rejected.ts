/** The rejected records of a batch as a new body. Records that were not kept whole are rejected again. */
import type { BatchRow, RecordErrors } from "../../database/store.ts";
import { lostPart } from "../../formats/check/chunk-verdict.ts";
import { csvLine } from "../../formats/check/csv-scan.ts";
import type { RawChunk, Splitter } from "../../formats/formats.ts";
import type { RejectedPort } from "./imports.ports.ts";

const RECORDS_AT_ONCE = 1000;
const BYTES_AT_ONCE = 1024 * 1024;
/** A byte that never occurs in UTF-8. */
const NO_UTF8 = 0xff;
const REPLACEMENT = "\uFFFD";

export class RejectedRecords {
  /** Numbers in the new body of records that were too long: their beginnings alone would be other records. */
  private readonly cut = new Set<number>();
  private records = 0;
  private readonly store: RejectedPort;
  private readonly parent: BatchRow;

  constructor(store: RejectedPort, parent: BatchRow) {
    this.store = store;
    this.parent = parent;
  }

  async *body(): AsyncGenerator<Buffer> {
    const { id, format, envelope } = this.parent;
    if (format === "csv") yield Buffer.from(`${csvLine(envelope.header ?? [], envelope.delimiter ?? ",")}\n`);
    for (let after = 0; ; ) {
      const page = await this.store.errors(id, after, RECORDS_AT_ONCE, BYTES_AT_ONCE);
      const last = page.at(-1);
      if (!last) return;
      yield Buffer.concat(page.map((record) => this.line(record)));
      after = last.seq;
    }
  }

  private line({ raw, errors }: RecordErrors): Buffer {
    this.records++;
    const lost = lostPart(errors);
    if (lost === "end") this.cut.add(this.records);
    return lost === "bytes" ? unreadable(raw) : Buffer.from(`${raw}\n`);
  }

  /** Cuts this body as `splitter` does, and marks what is too long whatever today's limit is. */
  split(splitter: Splitter): Splitter {
    const marked = (chunks: RawChunk[]) => chunks.map((chunk) => ({ ...chunk, oversized: this.oversizedOf(chunk) }));
    return {
      push: (bytes) => marked(splitter.push(bytes)),
      end: () => marked(splitter.end()),
      get envelope() {
        return splitter.envelope;
      },
      get records() {
        return splitter.records;
      },
    };
  }

  private oversizedOf({ firstRecord, records, oversized }: RawChunk): number[] {
    if (this.cut.size === 0) return oversized;
    const tooLong = new Set(oversized);
    const places = Array.from({ length: records }, (_, place) => place);
    return places.filter((place) => tooLong.has(place) || this.cut.has(firstRecord + place));
  }
}

/** Invalid bytes were stored as U+FFFD, which is valid text: sent so, the record would be accepted. */
function unreadable(raw: string): Buffer {
  const parts = raw.split(REPLACEMENT).flatMap((part) => [Buffer.from(part), Buffer.of(NO_UTF8)]);
  return Buffer.concat([...parts.slice(0, -1), Buffer.from("\n")]);
}
