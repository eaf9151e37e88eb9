/** The commit of an upload, for PostgreSQL and SQL Server. SQLite has its own, because there this is the hot path. */
import type { UploadCommit, UploadOutcome } from "../../services/imports/imports.domain.ts";
import { hasEnded, jsonOrNull, restarted, tableCounts } from "../rows.ts";
import { batch, batchWork, clientQueue } from "../schema/tables.ts";
import { writtenOrRefused } from "../upload-refusal.ts";
import { auditParams, auditStep, auditValues } from "./audit.ts";
import { staleStep } from "./moves.aftermath.ts";
import { givePlace, takePlace } from "./order.ts";
import {
  DUE,
  dueShape,
  dueValue,
  eventParams,
  eventShapes,
  eventSteps,
  eventValues,
  MADE,
  written,
  writtenAnswer,
} from "./outcome.ts";
import { insert, remove, type Step, update, upsert } from "./steps.ts";
import { type Params, shapes, type Units } from "./unit.ts";
import type { UploadChecks } from "./uploads.checks.ts";
import {
  allowed,
  answerPrefix,
  conditionsOf,
  keySteps,
  ofClient,
  oursOf,
  quotaStep,
  type Shape,
} from "./uploads.conditions.ts";
import { chunkStep, chunkValues, zeros } from "./uploads.ts";

const shapeOf = ({
  id,
  key,
  dedup,
  quota,
  order,
  state,
  due,
  isIntoTable,
  isCheck,
  checked,
  chunks,
  events,
  audit,
}: UploadCommit): Shape => ({
  isNew: id === null,
  hasKey: key !== null,
  hasDedup: dedup !== null,
  quota: quota && (["bytes", "records"] as const).filter((what) => quota[what] !== null),
  isReady: state === "ready",
  place: order ? (order.places === null ? "last" : "next") : null,
  hasEnded: hasEnded(state),
  isIntoTable: isIntoTable === true,
  isCheck: isCheck === true,
  isChecked: checked !== undefined,
  due: dueShape(due),
  chunks: chunks.length,
  events: eventShapes(events),
  hasAudit: audit !== undefined,
});

/** Parameters that a new row and a receiving row both set; `NEW`: those that only a new row sets. */
const OUTCOME = {
  state: "name",
  due: "bigint",
  reason: "text",
  phase: "name",
  bytes: "bigint",
  records: "bigint",
  chunks: "int",
  contentHash: "hash",
  dedupHash: "hash",
  envelope: "text",
  parentId: "bigint",
  retryOf: "uuid",
  corrects: "uuid",
} as const satisfies Params;
const NEW = {
  publicId: "uuid",
  clientId: "bigint",
  policyVersion: "int",
  dataset: "name",
  format: "name",
  requestId: "name",
} as const satisfies Params;
const KEYS_AND_QUOTA = {
  key: "name",
  fingerprint: "hash",
  keepKeyMs: "bigint",
  answer: "text",
  knownBy: "hash",
  keepContentMs: "bigint",
  spentBytes: "bigint",
  spentRecords: "bigint",
  mostBytes: "bigint",
  mostRecords: "bigint",
} as const satisfies Params;
const PARAMS = {
  id: "bigint",
  version: "bigint",
  ...OUTCOME,
  ...NEW,
  ...KEYS_AND_QUOTA,
  cap: "int",
  weight: "int",
  lane: "name",
  places: "bigint",
} as const satisfies Params;

export function uploadCommits(on: Units, { refusal, clearExpired }: UploadChecks) {
  const committing = shapes((shape: Shape) => {
    const chunks = Array.from({ length: shape.chunks }, (_, i) => chunkStep(i, "made", "id"));
    const params: Params = Object.assign(
      {},
      ...chunks.map((chunk) => chunk.params),
      eventParams(shape.events),
      shape.hasAudit && auditParams,
    );
    return on.unit({ ...PARAMS, ...params }, () => [
      ...(shape.place ? [givePlace(shape.place === "next" ? "order_lane.places = :places" : undefined)] : []),
      ...(shape.quota ? [allowed(shape), quotaStep(shape.quota)] : []),
      made(shape),
      ...(shape.isNew || shape.isChecked
        ? []
        : [remove(batchWork, { where: "batch_id = :id AND EXISTS (SELECT 1 FROM made)" })]),
      arrived(shape),
      ...keySteps(shape),
      ...(shape.isChecked ? [staleStep] : []),
      ...(shape.place ? [takePlace] : []),
      ...chunks.map(({ step }) => step),
      ...(shape.hasAudit ? [auditStep("made")] : []),
      ...eventSteps(shape.events),
      writtenAnswer(shape.events),
    ]);
  });
  return (commit: UploadCommit): Promise<UploadOutcome> =>
    writtenOrRefused<UploadOutcome, UploadOutcome>(
      async () => {
        // Shape and values are made of the same commit, so the values fit the parameters of the shape.
        const done = written(await committing(shapeOf(commit)).row(valuesOf(commit) as never), commit.events);
        return done && { outcome: "stored", ...done };
      },
      () => refusal(commit),
      () => clearExpired(commit),
    );
}

function valuesOf({ id, batch, totals, key, dedup, quota, order, parent, corrects, queue, ...commit }: UploadCommit) {
  const { state, phase, due, reason, chunks, events, checked, audit, spent = totals } = commit;
  return {
    id,
    version: checked?.version ?? null,
    ...batch,
    ...totals,
    ...queue,
    state,
    phase,
    due: dueValue(due),
    reason: jsonOrNull(reason),
    envelope: JSON.stringify(totals.envelope),
    parentId: parent?.id ?? null,
    retryOf: parent?.publicId ?? null,
    corrects: corrects ?? null,
    key: key?.key ?? null,
    fingerprint: key?.fingerprint ?? null,
    keepKeyMs: key?.keepMs ?? null,
    answer: answerPrefix(commit, totals.chunks),
    dedupHash: dedup?.hash ?? null,
    knownBy: dedup?.hash ?? totals.contentHash,
    keepContentMs: dedup?.keepMs ?? null,
    spentBytes: spent.bytes,
    spentRecords: spent.records,
    mostBytes: quota?.bytes ?? null,
    mostRecords: quota?.records ?? null,
    lane: order?.lane ?? null,
    places: order?.places ?? null,
    ...Object.assign({}, ...chunks.map(chunkValues)),
    ...eventValues(events),
    ...auditValues(audit),
  };
}

function made(shape: Shape): Step {
  const columns: Record<string, string> = {
    state: ":state",
    due_at: DUE[shape.due],
    reason: ":reason",
    phase: ":phase",
    bytes: ":bytes",
    records: ":records",
    chunks: ":chunks",
    content_hash: ":contentHash",
    dedup_hash: ":dedupHash",
    envelope: ":envelope",
    ready_at: shape.isReady ? ":now" : "NULL",
    parent_id: ":parentId",
    retry_of: ":retryOf",
    corrects: ":corrects",
    finished_at: shape.hasEnded ? ":now" : "NULL",
    ...(shape.isIntoTable && zeros(...tableCounts)),
  };
  const from = shape.quota ? "spent" : shape.place ? "entry" : undefined;
  const conditions = shape.quota ? [] : conditionsOf(shape);
  if (!shape.isNew) {
    const sets = Object.entries(shape.isChecked ? startedOver(shape, columns) : columns).map(
      ([column, value]) => `${column} = ${value}`,
    );
    const where = [oursOf(shape), ...conditions].join(" AND ");
    return update(batch, { set: `${sets.join(", ")}, version = batch.version + 1`, from, where, into: MADE });
  }
  const values = {
    ...columns,
    public_id: ":publicId",
    client_id: ":clientId",
    policy_version: ":policyVersion",
    dataset: ":dataset",
    format: ":format",
    request_id: ":requestId",
    created_at: ":now",
    version: "1",
    ...zeros("next_chunk", "accepted", "rejected", "duplicate", "fence", "attempt", "attempts_total"),
  };
  return insert(batch, { values, from, where: conditions.join(" AND ") || undefined, into: MADE });
}

/** Of a checked batch stays what its upload has said. What the check has counted goes. */
const startedOver = ({ isIntoTable }: Shape, columns: Record<string, string>) => ({
  ...Object.fromEntries(STANDING.map((name) => [name, columns[name] as string])),
  policy_version: ":policyVersion",
  committed_at: ":now",
  rejected_before: "NULL",
  pass: "batch.pass + 1",
  ...zeros(...restarted, "attempt", ...(isIntoTable ? tableCounts : [])),
});
const STANDING = ["state", "due_at", "reason", "phase", "dedup_hash", "ready_at", "finished_at"];

/**
 * Makes sure that the client has a queue row, and that its `due_at` is not later than this batch's. Cap and weight of an
 * existing row stay, because they may be newer.
 */
const arrived = ({ isReady }: Shape): Step =>
  upsert(clientQueue, {
    key: ["client_id"],
    values: {
      client_id: "made.client_id",
      running: "0",
      pass: "0",
      cap: ":cap",
      weight: ":weight",
      ...(isReady && { due_at: "made.due_at" }),
    },
    from: "made",
    update: isReady ? ["due_at"] : [],
    where: isReady
      ? `${ofClient("client_queue")} AND (client_queue.due_at IS NULL OR client_queue.due_at > given.due_at)`
      : undefined,
  });
