/** The rejected records of a batch as a new body. Records that were not kept whole are rejected again. */

import { isNotRejected, lostPart } from "../../formats/check/chunk-verdict.ts";
import { sentText } from "../../formats/check/error-report.ts";
import { NO_NUMBER, withNumbers } from "../../formats/correction/reserved.ts";
import type { Envelope, RawChunk, Splitter } from "../../formats/formats.ts";
import { retried } from "../../formats/parts.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { RecordErrors } from "../batch/batch.reads.domain.ts";
import { correctionOf } from "../batches.ts";
import type { RejectedPort } from "./imports.running.ts";

const RECORDS_AT_ONCE = 1000;
const BYTES_AT_ONCE = 1024 * 1024;
/** A byte that never occurs in UTF-8. It makes a record invalid. */
const NO_UTF8 = 0xff;
const REPLACEMENT = "\uFFFD";

export class RejectedRecords {
  /** The numbers, in the new body, of records that were too long. Only their beginnings were kept, and those would be other records. */
  private readonly cut = new Set<number>();
  /** The numbers of the records in the batch, and their lines, in the order of the new body. */
  private readonly numbers: number[] = [];
  /** The numbers that they name as a correction. */
  private readonly named: number[] = [];
  private readonly lines: (number | null)[] = [];
  private readonly store: RejectedPort;
  private readonly parent: BatchRow;

  constructor(store: RejectedPort, parent: BatchRow) {
    this.store = store;
    this.parent = parent;
  }

  async *body(): AsyncGenerator<Buffer> {
    const { id, format, envelope } = this.parent;
    yield Buffer.from(retried(format).head(envelope));
    for (let after = 0; ; ) {
      const page = await this.store.errors(id, after, RECORDS_AT_ONCE, BYTES_AT_ONCE);
      const last = page.at(-1);
      if (!last) return;
      yield Buffer.concat(page.map((record) => this.line(record)));
      after = last.seq;
    }
  }

  /** Where a record of the new body, counted from 1, was in the batch. */
  origin(record: number): { record: number; line: number | null } {
    return { record: this.numbers[record - 1] ?? record, line: this.lines[record - 1] ?? null };
  }

  private line({ seq, line, raw, errors }: RecordErrors): Buffer {
    this.numbers.push(seq);
    // What corrects nothing is no record of its own when it comes again.
    this.named.push(isNotRejected(errors) ? NO_NUMBER : seq);
    this.lines.push(line);
    const lost = lostPart(errors);
    if (lost === "end") this.cut.add(this.numbers.length);
    return lost === "bytes" ? unreadable(raw) : Buffer.from(`${sentText(raw)}\n`);
  }

  /**
   * A splitter for this body that also marks the records that were too long, whatever today's limit is. The records are a correction
   * of the batch: none of them is delivered a second time.
   */
  split(splitter: Splitter): Splitter {
    const corrects = correctionOf(this.parent);
    const numbered = (chunk: RawChunk) => ({
      ...chunk,
      data: withNumbers(this.named.slice(chunk.firstRecord - 1, chunk.firstRecord - 1 + chunk.records), [chunk.data]),
    });
    return this.splitWith(splitter, numbered, { corrects });
  }

  /** The same for a look at them: they are no correction. */
  splitToLook(splitter: Splitter): Splitter {
    return this.splitWith(splitter, (chunk) => chunk, {});
  }

  private splitWith(splitter: Splitter, change: (chunk: RawChunk) => RawChunk, more: Partial<Envelope>): Splitter {
    const marked = (chunks: RawChunk[]) =>
      chunks.map((chunk) => change({ ...chunk, oversized: this.oversizedOf(chunk) }));
    return {
      push: (bytes) => marked(splitter.push(bytes)),
      end: () => marked(splitter.end()),
      get envelope() {
        return { ...splitter.envelope, ...more };
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

/**
 * Makes records with invalid bytes invalid again. Such bytes were stored as U+FFFD, which is valid text, so the retry would
 * accept them.
 */
function unreadable(raw: string): Buffer {
  const parts = raw.split(REPLACEMENT).flatMap((part) => [Buffer.from(part), Buffer.of(NO_UTF8)]);
  return Buffer.concat([...parts.slice(0, -1), Buffer.from("\n")]);
}
