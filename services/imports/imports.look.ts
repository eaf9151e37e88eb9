/** How a body is read and checked beside the batches: for a preview, and for a check at once. */

import { maskedJson } from "../../formats/check/json-mask.ts";
import { type SampleRecord, sampleOf } from "../../formats/check/sample.ts";
import { NO_DELIMITER } from "../../formats/csv/sniff.ts";
import { type CheckedChunk, knownFormats, type RawChunk } from "../../formats/formats.ts";
import { checkChunk } from "../../formats/parts.ts";
import { shownColumns } from "../../formats/read/columns.ts";
import { rawMask } from "../../formats/read/masked.ts";
import { type Body, validatorOf } from "../bodies.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { ReadAs } from "./imports.domain.ts";

/** The JSON of a rejected record as it was read, from its kept text. Null: it could not be read. */
export async function asRead(policy: Policy, { format, envelope: of }: Body, kept: string): Promise<string | null> {
  const { schema, read, maxRecordBytes } = policy;
  // What is kept is UTF-8, in whichever charset its chunk is.
  const envelope = of.charset === undefined ? of : { ...of, charset: "utf-8" as const };
  const validator = validatorOf(schema, knownFormats[format].hasCells);
  const chunk = { firstLine: null, records: 1, data: Buffer.from(`${kept}\n`), oversized: [] };
  const spec = { format, envelope, validator, values: false, read, maxRecordBytes, isReadOnly: true };
  const { text } = await checkChunk(chunk, spec);
  return text.length === 0 ? null : text.toString();
}

export const readAs = ({ envelope }: Body, { schema, read }: Policy): ReadAs => ({
  columns: shownColumns(envelope, schema, read),
  // A file of one column has none.
  delimiter: envelope.delimiter === NO_DELIMITER ? null : (envelope.delimiter ?? null),
  encoding: envelope.encoding ?? envelope.charset ?? "utf-8",
});

export type Mask = (raw: string) => string;

/** Records of a body as they are shown: without the values of sensitive fields. `mask` is put on their texts before. */
export function shownRecords(
  records: readonly SampleRecord[],
  body: Body,
  policy: Policy,
  mask: Mask = (raw) => raw,
): SampleRecord[] {
  const shown = rawMask(body, policy);
  return records.map(({ raw, data, errors, ...place }) => ({
    ...place,
    raw: shown(mask(raw)),
    data: data && maskedJson(data, policy.sensitive),
    errors,
  }));
}

/** The first records of a body, as far as its chunks are read. */
export class Sample {
  readonly records: SampleRecord[] = [];
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  get isFull(): boolean {
    return this.records.length >= this.most;
  }

  add(chunk: RawChunk, checked: CheckedChunk, body: Body): void {
    if (!this.isFull) this.records.push(...sampleOf(chunk, checked, body, this.most - this.records.length));
  }
}
