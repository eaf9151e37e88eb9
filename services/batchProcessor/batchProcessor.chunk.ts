/** What one chunk comes to: from stored bytes to what is delivered and committed. Pure but for the bytes' decoding. */
import type { BatchRow, StoredChunk } from "../../database/store.ts";
import { checkChunk } from "../../formats/check-chunk.ts";
import { decode } from "../../formats/chunk-codec.ts";
import type { CheckedChunk, RecordValidator, RejectedRecord } from "../../formats/formats.ts";
import { recordOrigins } from "../../formats/record-origin.ts";
import type { WorkerCommit } from "../batch/batch.contract.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { HandlerCall } from "./batchProcessor.contract.ts";
import { builtInHandler, type HandlerRejected } from "./batchProcessor.handlers.ts";

/** A chunk that was parsed and validated, with the bytes it came from. */
export interface Checked extends CheckedChunk {
  source: StoredChunk;
  data: Buffer;
}

/** Throws the signal's reason where that is aborted before the check is through. */
export async function check(
  source: StoredChunk,
  batch: BatchRow,
  policy: Policy,
  validator: RecordValidator,
  signal: AbortSignal,
): Promise<Checked> {
  const data = await decode(source.codec, source.body);
  const { format, envelope } = batch;
  const values = policy.handler !== builtInHandler && batch.phase === "deliver";
  const spec = { format, envelope, validator, values, maxRecordBytes: policy.maxRecordBytes };
  return { ...(await checkChunk({ ...source, data }, spec, signal)), source, data };
}

/** The accepted records, each with its number in the body. */
export function recordsOf({ source, values, rejected }: Checked): HandlerCall["records"] {
  const refused = new Set(rejected.map(({ index }) => index));
  const records: HandlerCall["records"] = [];
  for (let index = 0, next = 0; index < source.records; index++) {
    if (refused.has(index)) continue;
    records.push({ record: source.firstRecord + index, data: values?.[next++] as Record<string, unknown> });
  }
  return records;
}

/** The handler's refusals beside those of the schema, in order. */
export function withRefusals(checked: Checked, batch: BatchRow, refused: HandlerRejected[]): Checked {
  if (refused.length === 0) return checked;
  const indexes = refused.map(({ record }) => record - checked.source.firstRecord);
  const origins = recordOrigins({ ...checked.source, data: checked.data }, batch.format, batch.envelope, indexes);
  const own: RejectedRecord[] = origins.map(({ line, raw }, i) => ({
    index: indexes[i] as number,
    line,
    raw,
    errors: (refused[i] as HandlerRejected).errors,
  }));
  return { ...checked, rejected: [...checked.rejected, ...own].sort((a, b) => a.index - b.index) };
}

/** The commit of a checked chunk: what is stored, where the batch stands then, and whether it ends. */
export function commitOf({ source, text, rejected }: Checked, batch: BatchRow, policy: Policy): WorkerCommit {
  const isDelivery = batch.phase === "deliver";
  const rejectedNow = isDelivery || policy.onInvalid === "rejectBatch" ? rejected.length : 0;
  const total = { rejected: batch.rejected + rejectedNow };
  return {
    chunk: batch.nextChunk,
    firstRecord: source.firstRecord,
    records: source.records,
    text: isDelivery && policy.handler === builtInHandler ? text : "",
    errors: rejected,
    counts: { accepted: isDelivery ? source.records - rejected.length : 0, rejected: rejectedNow, duplicate: 0 },
    ...whatFollows(batch, policy, total),
  };
}

function whatFollows(
  batch: BatchRow,
  { maxErrors }: Policy,
  { rejected }: { rejected: number },
): Pick<WorkerCommit, "next" | "end"> {
  const isLast = batch.nextChunk + 1 >= batch.chunks;
  const onward = { phase: batch.phase, chunk: batch.nextChunk + 1 };
  if (maxErrors !== null && rejected > maxErrors)
    return {
      next: onward,
      end: failed("too-many-errors", `${rejected} records are invalid, ${maxErrors} are allowed.`),
    };
  if (!isLast) return { next: onward, end: null };
  if (batch.phase === "deliver") return { next: onward, end: completed(rejected) };
  if (rejected > 0)
    return { next: onward, end: failed("invalid-records", `${rejected} records are invalid; none was delivered.`) };
  return { next: { phase: "deliver", chunk: 0 }, end: null };
}

const failed = (code: string, detail: string): WorkerCommit["end"] => ({ state: "failed", error: { code, detail } });
const completed = (rejected: number): WorkerCommit["end"] => ({
  state: rejected > 0 ? "completed_with_errors" : "completed",
  error: null,
});

/** The commit of a batch that was driven again after its last chunk: nothing is left but its end. */
export const emptyCommit = (batch: BatchRow): WorkerCommit => ({
  chunk: batch.nextChunk,
  firstRecord: 1,
  records: 0,
  text: "",
  errors: [],
  counts: { accepted: 0, rejected: 0, duplicate: 0 },
  next: { phase: batch.phase, chunk: batch.nextChunk + 1 },
  end: completed(batch.rejected),
});
