/** From a chunk's stored bytes to its records and its commit. Pure functions, except for decompressing the bytes. */
import type { BatchRow, StoredChunk, UniqueKeys } from "../../database/store.ts";
import { checkChunk } from "../../formats/check/chunk.ts";
import { ReportRoom } from "../../formats/check/fault-bounds.ts";
import { growthShare } from "../../formats/check/record-growth.ts";
import { recordOrigins } from "../../formats/check/record-origin.ts";
import type { RecordValidator, RejectedRecord } from "../../formats/formats.ts";
import { decode } from "../../formats/split/chunk-codec.ts";
import type { WorkerCommit } from "../batch/batch.contract.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { Checked, Keyed } from "./batchProcessor.checked.ts";
import type { HandlerCall } from "./batchProcessor.contract.ts";
import { builtInHandler, type HandlerRejected } from "./batchProcessor.handlers.ts";
import { keysAt, withKeys } from "./batchProcessor.unique.ts";

const DAY_MS = 86_400_000;
/** Nothing is stored. */
const NO_TEXT = new Uint8Array();

/** Parses and validates a chunk. Throws the signal's reason if it is aborted before the end. */
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
  const { maxRecordBytes } = policy;
  const bounds = { maxRecordBytes, maxGrowth: mostGrowth(source, batch, policy), maxFaults: faultsLeft(batch, policy) };
  const spec = { format, envelope, validator, values, ...bounds };
  const checked = { ...(await checkChunk({ ...source, data }, spec, signal)), source, data, keyed: null };
  if (policy.uniqueKey === null || batch.phase !== "deliver") return checked;
  return withKeys(checked, [policy.uniqueKey].flat());
}

/** How many bytes defaults may add to a stored chunk. */
const mostGrowth = ({ records }: StoredChunk, batch: BatchRow, { handler, maxBytes }: Policy): number =>
  handler === builtInHandler ? growthShare(maxBytes, records, batch.records) : Number.POSITIVE_INFINITY;

/** The accepted records, each with its number in the body. */
export function recordsOf({ source, values, rejected, unlisted, keyed }: Checked): HandlerCall["records"] {
  const refused = new Set([...placesOf(rejected), ...unlisted, ...(keyed?.duplicates ?? [])]);
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

/** How many more faults the error report may list. It ends at the first record that is not listed. */
const faultsLeft = ({ faults, unlisted }: BatchRow, { maxStoredErrors }: Policy): number =>
  unlisted > 0 ? 0 : Math.max(0, maxStoredErrors - faults);

const placesOf = (records: RejectedRecord[]): number[] => records.map(({ index }) => index);

/** The rejected records that fit into the report, and the positions of the others. */
function reportOf({ rejected, unlisted }: Checked, batch: BatchRow, policy: Policy) {
  const room = new ReportRoom(faultsLeft(batch, policy));
  const end = rejected.findIndex(
    ({ index, errors }) => index > (unlisted[0] ?? Number.MAX_SAFE_INTEGER) || !room.take(errors),
  );
  if (end < 0) return { errors: rejected, unlisted };
  const others = [...placesOf(rejected.slice(end)), ...unlisted].sort((a, b) => a - b);
  return { errors: rejected.slice(0, end), unlisted: others };
}

/** The commit of a checked chunk: records to store, the batch's progress, and whether it ends. */
export function commitOf(checked: Checked, batch: BatchRow, policy: Policy): WorkerCommit {
  const { source, text, keyed } = checked;
  const report = reportOf(checked, batch, policy);
  const rejected = report.errors.length + report.unlisted.length;
  const isDelivery = batch.phase === "deliver";
  const isStored = isDelivery && policy.handler === builtInHandler;
  const rejectedNow = isDelivery || policy.onInvalid === "rejectBatch" ? rejected : 0;
  const duplicate = keyed?.duplicates.length ?? 0;
  const follows = whatFollows(batch, policy, { rejected: batch.rejected + rejectedNow });
  return {
    chunk: batch.nextChunk,
    firstRecord: source.firstRecord,
    records: source.records,
    text: isStored ? text : NO_TEXT,
    ...report,
    unique: keyed ? { ...uniqueOf(checked, keyed, isStored), keepMs: keptMs(policy) } : undefined,
    counts: {
      accepted: isDelivery ? source.records - rejected - duplicate : 0,
      rejected: rejectedNow,
      duplicate,
    },
    next: follows.next,
    // Only the commit finds out how many keys were taken. The event of the end needs the counts, so the end is a second commit.
    end: keyed && isStored ? null : follows.end,
  };
}

function uniqueOf({ rejected, unlisted }: Checked, keyed: Keyed, isStored: boolean): UniqueKeys {
  const { duplicates, keys } = keyed;
  if (isStored) return { duplicates, keys: keys.map((key) => key ?? "").join("\n"), freed: null };
  return { duplicates, keys: "", freed: keysAt(keyed, [...placesOf(rejected), ...unlisted]) };
}

const keptMs = ({ uniqueKeyDays }: Policy): number | null => (uniqueKeyDays === null ? null : uniqueKeyDays * DAY_MS);

function whatFollows(
  batch: BatchRow,
  { maxErrors }: Policy,
  { rejected }: { rejected: number },
): Pick<WorkerCommit, "next" | "end"> {
  const isLast = batch.nextChunk + 1 >= batch.chunks;
  const onward = { phase: batch.phase, chunk: batch.nextChunk + 1 };
  if (maxErrors !== null && rejected > maxErrors) return { next: onward, end: tooManyErrors(rejected, maxErrors) };
  if (!isLast) return { next: onward, end: null };
  if (batch.phase === "deliver") return { next: onward, end: completed(rejected) };
  if (rejected > 0)
    return { next: onward, end: failed("invalid-records", `${rejected} records are invalid; none was delivered.`) };
  return { next: { phase: "deliver", chunk: 0 }, end: null };
}

const tooManyErrors = (rejected: number, maxErrors: number) =>
  failed("too-many-errors", `${rejected} records are invalid, ${maxErrors} are allowed.`);
const failed = (code: string, detail: string): WorkerCommit["end"] => ({ state: "failed", error: { code, detail } });
const completed = (rejected: number): WorkerCommit["end"] => ({
  state: rejected > 0 ? "completed_with_errors" : "completed",
  error: null,
});

/** Whether only the end of the batch is left to commit. */
export const isAtEnd = (batch: BatchRow, policy: Policy): boolean =>
  batch.nextChunk >= batch.chunks || hasTooManyErrors(batch, policy);

const hasTooManyErrors = ({ phase, rejected, nextChunk }: BatchRow, { maxErrors, uniqueKey }: Policy): boolean =>
  uniqueKey !== null && phase === "deliver" && maxErrors !== null && rejected > maxErrors && nextChunk > 0;

/** A commit that only ends the batch: after the last chunk, or after a chunk with too many errors. */
export function endCommit(batch: BatchRow, policy: Policy): WorkerCommit {
  const { nextChunk, phase, rejected } = batch;
  const isFailed = hasTooManyErrors(batch, policy);
  return {
    chunk: nextChunk,
    firstRecord: 1,
    records: 0,
    text: NO_TEXT,
    errors: [],
    unlisted: [],
    counts: { accepted: 0, rejected: 0, duplicate: 0 },
    next: { phase, chunk: isFailed ? nextChunk : nextChunk + 1 },
    end: isFailed ? tooManyErrors(rejected, policy.maxErrors as number) : completed(rejected),
  };
}
