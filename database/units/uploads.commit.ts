/** The commit of an upload, for PostgreSQL and SQL Server. SQLite has its own, because there this is the hot path. */
import type { UploadCommit, UploadOutcome } from "../../services/imports/imports.domain.ts";
import { hasEnded, jsonOrNull } from "../rows.ts";
import { batchWork } from "../schema/tables.ts";
import { writtenOrRefused } from "../upload-refusal.ts";
import { auditParams, auditStep, auditValues } from "./audit.ts";
import { staleStep } from "./moves.aftermath.ts";
import { givePlace, takePlace } from "./order.ts";
import {
  dueShape,
  dueValue,
  eventParams,
  eventShapes,
  eventSteps,
  eventValues,
  written,
  writtenAnswer,
} from "./outcome.ts";
import { remove } from "./steps.ts";
import { type Params, shapes, type Units } from "./unit.ts";
import type { UploadChecks } from "./uploads.checks.ts";
import { allowed, answerPrefix, keySteps, quotaStep, type Shape } from "./uploads.conditions.ts";
import { arrived, made } from "./uploads.rows.ts";
import { chunkStep, chunkValues } from "./uploads.ts";

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
  trace: "text",
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
