/** Turns a chunk's stored bytes into its records and its commit. Pure functions, except for decompressing the bytes. */

import { afterVerdict, type Judged } from "../../database/targets/outcome.ts";
import { boundedReport } from "../../formats/check/error-report.ts";
import { withFaults } from "../../formats/check/fault-groups.ts";
import { growthShare } from "../../formats/check/record-growth.ts";
import { NO_NUMBER, numbersOf } from "../../formats/correction/reserved.ts";
import type { RecordValidator, RejectedRecord } from "../../formats/formats.ts";
import { checkChunk, recordOrigins, recordPlaces } from "../../formats/parts.ts";
import { decode } from "../../formats/split/chunk-codec.ts";
import type { WorkerCommit } from "../batch/batch.contract.ts";
import { type BatchRow, isCheckOnly, type StoredChunk } from "../batch/batch.domain.ts";
import type { ChunkCommit } from "../batch/batch.writes.domain.ts";
import type { Policy } from "../policy/policy.contract.ts";
import type { HandlerCall } from "./batchProcessor.contract.ts";
import { whatFollows } from "./batchProcessor.ends.ts";
import { builtInHandler, type HandlerRejected } from "./batchProcessor.handlers.ts";
import type { Run } from "./batchProcessor.run.ts";
import { tableOf } from "./batchProcessor.tables.ts";
import { type Checked, keyByPlace, keysAt, marksOf, unmarked, withKeys } from "./batchProcessor.unique.ts";

const DAY_MS = 86_400_000;
/** The stored text of a chunk that has no accepted record. */
const NO_TEXT = new Uint8Array();
const NO_ROWS = { created: 0, updated: 0, deleted: 0 };

/** The row counts of a chunk before its rows are written. In a check before an approval: how many rows would be deleted. */
function rowsOf({ phase }: BatchRow, policy: Policy, table: Checked["table"]): Partial<ChunkCommit["counts"]> {
  if (tableOf(policy) === null || phase === "check") return {};
  const deleted = phase === "review" ? (table?.rows.filter(({ isDelete }) => isDelete).length ?? 0) : 0;
  return { rows: { ...NO_ROWS, deleted } };
}

/** Parses and validates a chunk. Throws the signal's reason if it is aborted before the end. */
export async function check(
  source: StoredChunk,
  batch: BatchRow,
  { policy, scope }: Pick<Run, "policy" | "scope">,
  validator: RecordValidator,
  signal: AbortSignal,
): Promise<Checked> {
  const stored = await decode(source.codec, source.body);
  const { format, envelope } = batch;
  const { numbers, data } = envelope.corrects ? numbersOf(stored) : { numbers: null, data: stored };
  const values = tableOf(policy) !== null || (policy.handler !== builtInHandler && batch.phase === "deliver");
  const { maxRecordBytes, read, sensitive } = policy;
  const bounds = { maxRecordBytes, maxGrowth: mostGrowth(source, batch, policy), maxFaults: faultsLeft(batch, policy) };
  const naming = new Set((numbers ?? []).flatMap((number, place) => (number === NO_NUMBER ? [place] : [])));
  const spec = { format, envelope, validator, values, read, sensitive, ...(naming.size > 0 && { naming }), ...bounds };
  const checked = {
    ...(await checkChunk({ ...source, data }, spec, signal)),
    source,
    data,
    keyed: null,
    numbers,
    marks: new Map(),
    asked: new Map(),
  };
  if (policy.uniqueKey === null || batch.phase === "validate") return checked;
  return withKeys(checked, [policy.uniqueKey].flat(), scope);
}

/** Whether DataFlow stores the records. It also stores records that go into a table, so that users see what was delivered. */
const isStored = (policy: Policy): boolean => policy.handler === builtInHandler || tableOf(policy) !== null;

/** How many bytes the schema's defaults may add to a stored chunk. */
const mostGrowth = ({ records }: StoredChunk, batch: BatchRow, policy: Policy): number =>
  isStored(policy) ? growthShare(policy.maxBytes, records, batch.records) : Number.POSITIVE_INFINITY;

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

/** Merges the handler's rejections with those of the schema, in the order of the records. */
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
  return {
    ...checked,
    rejected: [...checked.rejected, ...own].sort((a, b) => a.index - b.index),
    grouped: withFaults(checked.grouped, own),
  };
}

/** How many more faults the error report may list. After the first record that does not fit, the report lists no more. */
const faultsLeft = ({ faults, unlisted }: BatchRow, { maxStoredErrors }: Policy): number =>
  unlisted > 0 ? 0 : Math.max(0, maxStoredErrors - faults);

const placesOf = (records: RejectedRecord[]): number[] => records.map(({ index }) => index);

/** The rejected records that fit into the report, and the positions of the others. */
const reportOf = ({ rejected, unlisted }: Checked, batch: BatchRow, policy: Policy) =>
  boundedReport(rejected, unlisted, faultsLeft(batch, policy));

/** The commit of a checked chunk: records to store, the batch's progress, and whether it ends. */
export function commitOf(checked: Checked, batch: BatchRow, policy: Policy): WorkerCommit {
  const commit = commitOfChecked(checked, batch, policy);
  const { verdict } = checked;
  return verdict ? afterVerdict(commit, verdict, judged(checked, batch, policy)) : commit;
}

function judged(checked: Checked, batch: BatchRow, policy: Policy): Judged {
  const keys = keyByPlace(checked);
  return {
    origins: recordPlaces({ ...checked.source, data: checked.data }, batch.format, batch.envelope),
    faultsLeft: faultsLeft(batch, policy),
    keyAt: (index) => keys?.get(index) ?? null,
  };
}

function commitOfChecked(checked: Checked, batch: BatchRow, policy: Policy): WorkerCommit {
  const { source, text, keyed, table, verdict } = checked;
  const report = reportOf(checked, batch, policy);
  const rejected = report.errors.length + report.unlisted.length;
  const isDelivery = batch.phase === "deliver";
  const isCheck = isCheckOnly(batch.phase);
  const isKept = isDelivery && isStored(policy);
  const isIntoTable = tableOf(policy) !== null && !isCheck;
  const hasRows = isDelivery && table !== undefined && table.rows.length > 0;
  const rejectedNow = isDelivery || isCheck || policy.onInvalid === "rejectBatch" ? rejected : 0;
  const duplicate = keyed?.duplicates.length ?? 0;
  // The keys were reserved before, so the commit finds no other key taken.
  const areKnown = !isKept || isIntoTable || batch.envelope.corrects !== undefined;
  const follows = whatFollows(batch, policy, { rejected: batch.rejected + rejectedNow });
  return {
    chunk: batch.nextChunk,
    firstRecord: source.firstRecord,
    records: source.records,
    text: isKept ? text : NO_TEXT,
    ...report,
    ...(checked.asked.size > 0 && { rejectedMarks: Object.fromEntries(checked.asked) }),
    grouped: checked.grouped,
    unique: uniqueOf(checked, batch, policy, areKnown),
    table: hasRows ? { ...table, faultsLeft: faultsLeft(batch, policy), pieceRows: null } : undefined,
    counts: {
      accepted: isDelivery || isCheck ? source.records - rejected - duplicate : 0,
      rejected: rejectedNow,
      duplicate,
      // The counts of rows are there even if no record has become a row.
      ...rowsOf(batch, policy, table),
    },
    next: follows.next,
    // Only the commit tells how many keys were taken, and which records the table refuses. The event of the batch's end needs these
    // counts, so the end is a second commit.
    end: hasRows || verdict || (keyed && !areKnown) ? null : follows.end,
  };
}

function uniqueOf(checked: Checked, batch: BatchRow, policy: Policy, areKnown: boolean): ChunkCommit["unique"] {
  const { rejected, unlisted, keyed, marks } = checked;
  if (!keyed && (marks.size === 0 || batch.phase !== "deliver")) return undefined;
  const { duplicates, keys } = keyed ?? { duplicates: [], keys: [] };
  const keepMs = keptMs(batch, policy, keyed !== null);
  if (!areKnown) return { duplicates, keys: keys.map((key) => key ?? "").join("\n"), freed: null, keepMs };
  const refused = [...placesOf(rejected), ...unlisted];
  const freed = [...(keyed ? keysAt(keyed, refused) : []), ...unmarked(checked, [...refused, ...duplicates])];
  // A check delivers nothing, so the batches that hold the keys do not count its duplicates.
  const taken = batch.phase === "deliver" && keyed?.taken ? { taken: keyed.taken } : {};
  return { duplicates, keys: "", freed, keepMs, ...taken, ...marksOf(checked, batch) };
}

/** How long keys last. A check reserves keys of its own, which expire after a day; nobody needs them once it has ended. */
const keptMs = (batch: BatchRow, { uniqueKeyDays, retentionDays }: Policy, isUnique: boolean): number | null => {
  if (isCheckOnly(batch.phase)) return DAY_MS;
  // A mark says that a rejected record was corrected. It stays as long as the batch with the errors: without it the record could be corrected twice.
  const marksDays = batch.envelope.corrects ? retentionDays : 0;
  if (!isUnique) return marksDays * DAY_MS;
  return uniqueKeyDays === null ? null : Math.max(uniqueKeyDays, marksDays) * DAY_MS;
};
