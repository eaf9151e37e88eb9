/** Some records of a chunk, each with its text as it was sent and with the result of its check. */

import type { CheckedChunk, Envelope, Format, RecordFault } from "../formats.ts";
import { recordOrigins } from "../parts.ts";
import { linesOf } from "../text-lines.ts";
import { cellOf } from "../xlsx/stored.ts";
import type { ChunkContent } from "./chunk-verdict.ts";
import { shownText } from "./error-report.ts";

export interface SampleRecord {
  /** Its number in the body, from 1. */
  record: number;
  line: number | null;
  /** The record's text as it was sent. */
  raw: string;
  /** The record that would be delivered, as the JSON text that would be stored. Numbers keep their digits. Null: the record is rejected. */
  data: string | null;
  errors: readonly RecordFault[];
}

/** The first `most` records of a checked chunk. */
export function sampleOf(
  chunk: ChunkContent & { firstRecord: number },
  { text, rejected, unlisted }: CheckedChunk,
  { format, envelope }: { format: Format; envelope: Envelope },
  most: number,
): SampleRecord[] {
  const indexes = Array.from({ length: Math.min(most, chunk.records) }, (_, index) => index);
  const origins = recordOrigins(chunk, format, envelope, indexes);
  const faulty = new Map(rejected.map((one) => [one.index, one]));
  const left = new Set(unlisted);
  const texts = linesOf(text).values();
  return indexes.map((index): SampleRecord => {
    const fault = faulty.get(index);
    const record = chunk.firstRecord + index;
    if (fault) {
      const cell = (one: RecordFault) => (format === "xlsx" ? cellOf(one, fault.line, envelope.header) : {});
      const errors = fault.errors.map((one) => ({ ...one, ...cell(one) }));
      return { record, line: fault.line, raw: shownText(fault.raw), data: null, errors };
    }
    const { line, raw } = origins[index] as (typeof origins)[number];
    const data = left.has(index) ? null : (texts.next().value as string);
    return { record, line, raw: shownText(raw), data, errors: [] };
  });
}
