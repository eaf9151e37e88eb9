/** How a body is read and checked beside the batches: for a preview, and for a check at once. */

import { maskedJson } from "../../formats/check/json-mask.ts";
import { type SampleRecord, sampleOf } from "../../formats/check/sample.ts";
import { type CheckedChunk, type Envelope, type Format, knownFormats, type RawChunk } from "../../formats/formats.ts";
import { checkChunk } from "../../formats/parts.ts";
import { rawMask } from "../../formats/read/masked.ts";
import { shownColumns } from "../../formats/read/shown-columns.ts";
import { compileRecordSchema } from "../../formats/schema/record-schema.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { ReadAs } from "./imports.domain.ts";

type Validator = ReturnType<typeof compileRecordSchema>;

/** One costs about 10 ms to compile. They go with the policy whose schema it is. */
const validators = new WeakMap<object, Map<boolean, Validator>>();

function validatorOf(schema: object, coerce: boolean): Validator {
  const known = validators.get(schema) ?? new Map<boolean, Validator>();
  validators.set(schema, known);
  const found = known.get(coerce) ?? compileRecordSchema(schema, { coerce });
  known.set(coerce, found);
  return found;
}

export interface Body {
  format: Format;
  envelope: Envelope;
}

/** Checks a chunk's records by a policy. A handler, or the company's own table, may refuse more of them later. */
export function checkedBy(
  policy: Policy,
  { format, envelope }: Body,
  chunk: RawChunk,
  signal?: AbortSignal,
): Promise<CheckedChunk> {
  const { schema, read, maxRecordBytes, sensitive } = policy;
  const validator = validatorOf(schema, knownFormats[format].hasCells);
  return checkChunk(chunk, { format, envelope, validator, values: false, read, maxRecordBytes, sensitive }, signal);
}

export const readAs = ({ envelope }: Body, { schema, read }: Policy): ReadAs => ({
  columns: shownColumns(envelope, schema, read),
  delimiter: envelope.delimiter ?? null,
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
