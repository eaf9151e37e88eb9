/** Reads and checks the stored bodies of batches again, independently of a run. */

import type { BatchStore } from "../database/store.ts";
import { numbersOf, type RecordNumber } from "../formats/correction/reserved.ts";
import { type CheckedChunk, type Envelope, type Format, knownFormats, type RawChunk } from "../formats/formats.ts";
import { checkChunk, recordOrigins } from "../formats/parts.ts";
import { compileRecordSchema } from "../formats/schema/record-schema.ts";
import { decode } from "../formats/split/chunk-codec.ts";
import type { BatchRow } from "./batch/batch.domain.ts";
import type { RecordErrors } from "./batch/batch.reads.domain.ts";
import type { Policy } from "./policy/policy.contract.ts";

type Validator = ReturnType<typeof compileRecordSchema>;

/** The compiled schemas, by policy. One takes about 10 ms to compile. An entry is dropped together with its policy. */
const validators = new WeakMap<object, Map<boolean, Validator>>();

export function validatorOf(schema: object, coerce: boolean): Validator {
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

/** Checks a chunk's records by a policy. A table or a handler may reject more of them. */
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

/** A batch whose body may be kept, and the policy under which it was accepted. */
export interface StoredBody {
  store: Pick<BatchStore, "readChunk">;
  batch: BatchRow;
  policy: Policy;
}

/** A chunk of a body. In a correction, also the numbers that its records name. */
export interface ChunkAgain extends RawChunk {
  numbers: RecordNumber[] | null;
}

/** How many chunks of the body exist, and how many are done. Later chunks have no errors yet. */
export const chunksWorked = ({ chunks, nextChunk }: BatchRow): number => Math.min(chunks, nextChunk);

/** Reads a chunk of a body again. Null: the body is no longer kept. */
export async function chunkAgain({ store, batch }: StoredBody, no: number): Promise<ChunkAgain | null> {
  const stored = await store.readChunk(batch.id, no);
  if (!stored) return null;
  const { codec, body, ...chunk } = stored;
  const data = await decode(codec, body);
  return batch.envelope.corrects ? { ...chunk, ...numbersOf(data) } : { ...chunk, data, numbers: null };
}

/** The chunk that has the record of this number. Null: no chunk has it, or the body is no longer kept. */
export async function chunkOf(body: StoredBody, record: number): Promise<ChunkAgain | null> {
  let [low, high] = [0, chunksWorked(body.batch) - 1];
  while (low <= high) {
    const no = (low + high) >> 1;
    const chunk = await chunkAgain(body, no);
    if (!chunk) return null;
    if (record < chunk.firstRecord) high = no - 1;
    else if (record >= chunk.firstRecord + chunk.records) low = no + 1;
    else return chunk;
  }
  return null;
}

/**
 * The records of a chunk that the schema check rejects, in the form of an error report. Records that a handler or a table has rejected,
 * or that correct nothing, are not included.
 */
export async function rejectedAgain({ batch, policy }: StoredBody, chunk: ChunkAgain): Promise<RecordErrors[]> {
  const { rejected } = await checkedBy(policy, batch, chunk);
  return rejected.map(({ index, ...one }) => ({ seq: chunk.firstRecord + index, ...one }));
}

/** All records of a chunk, without their errors. */
export function recordsAgain({ batch }: StoredBody, chunk: ChunkAgain): RecordErrors[] {
  const places = Array.from({ length: chunk.records }, (_, place) => place);
  return recordOrigins(chunk, batch.format, batch.envelope, places).map((origin, place) => ({
    ...origin,
    seq: chunk.firstRecord + place,
    errors: [],
  }));
}
