/** How every new batch begins: an upload, or a retry of rejected records. */

import type { Context } from "moleculer";
import { usualGrowthOf } from "../../formats/check/record-growth.ts";
import { createSplitter, type SplitOptions } from "../../formats/parts.ts";
import { nullIfLater } from "../../lib/errors.ts";
import { traceText } from "../../lib/trace/trace.ts";
import { actors } from "../actors.ts";
import { ALERT_TOPIC } from "../alerts/alerts.domain.ts";
import { draftAlert, waitsForOperator } from "../alerts.ts";
import { type BatchRow, type BatchState, type Lane, ownDataset, type Phase } from "../batch/batch.domain.ts";
import type { Written } from "../batch/batch.writes.domain.ts";
import { laneOf, standingAfter } from "../batches.ts";
import { draftEvent, forWebhook } from "../events.ts";
import { uuidv7 } from "../ids.ts";
import type { OutboxDraft, WantsEvents } from "../outbox/outbox.domain.ts";
import type { Decision, PolicyVersion } from "../policy/policy.contract.ts";
import { readingOf } from "./imports.columns.ts";
import type { NewBatch, UploadCommit } from "./imports.domain.ts";
import type { Intake } from "./imports.running.ts";
import type { ReceivedBody, Upload } from "./imports.upload.ts";

/** A chunk is the unit of storage, of commit and of a handler call. Of this size, one commit takes about 10 ms. */
const CHUNK_BYTES = 1024 * 1024;

type Asked = Pick<NewBatch, "clientId" | "format" | "requestId">;

/** The plan of an upload, by the client's policy. Throws unsupported-media-type; its splitter, wrong-columns. */
export function planFor(intake: Intake, asked: Asked, found: PolicyVersion, options: SplitOptions) {
  const { version, policy, dataset } = found;
  const { clientId, format, requestId } = asked;
  const { chunkRecords, maxRecords, maxRecordBytes, maxBytes, schema } = policy;
  const recordGrowth = usualGrowthOf(schema);
  const limits = { chunkRecords, chunkBytes: CHUNK_BYTES, maxRecords, maxRecordBytes, maxBytes, recordGrowth };
  return {
    batch: {
      publicId: uuidv7(),
      clientId,
      policyVersion: version,
      dataset: dataset?.name ?? ownDataset,
      format,
      requestId,
      trace: traceText(),
    },
    splitter: createSplitter(format, limits, readingOf(format, policy, options)),
    maxBytes,
    leaseMs: intake.leaseMs,
    onBegun: (id: number) => intake.uploads.keep(id),
    inTurn: <T>(work: () => T) => intake.uploads.turns.run(clientId, work),
  };
}

/** What the commit of a body writes about its batch: its state, its client's queue row, its events. */
export async function commitPartsOf(
  { namespace, hasAlerts, store }: Intake,
  via: Pick<Context, "call">,
  { upload }: Pick<ReceivedBody, "upload">,
  clientPublicId: string,
  { policy, dataset: of }: PolicyVersion,
  isCheck = false,
) {
  const { bytes, records } = upload.totals;
  const { publicId: batchId, clientId, format, dataset } = upload.batch;
  // A check delivers nothing, so it waits for nothing. If the policy cannot be asked, the batch waits; it is not refused.
  const decision: Decision | null = isCheck
    ? { decision: "ready" }
    : await actors.policy.evaluate(via, { policy, format, bytes, records }).catch(nullIfLater);
  const lane = isCheck ? null : laneOf(clientId, { policy, ...(of && { scope: of.scope }) });
  const { order, ...standing } = await standingIn(store, lane, standingAfter(decision));
  const version = upload.id === null ? 1 : 2;
  return {
    ...upload,
    ...standing,
    ...(order && { order }),
    phase: isCheck ? "check" : firstPhase(policy),
    ...(isCheck && { isCheck }),
    isIntoTable: policy.handler === "table" && !isCheck,
    queue: { cap: policy.maxConcurrentBatches, weight: policy.weight },
    events: [
      ...newBatchEvents(
        namespace,
        { batchId, clientId: clientPublicId, dataset, state: standing.state, version },
        policy,
      ),
      ...(hasAlerts && waitsForOperator(standing) ? [draftAlert("batch_held", { clientId, batchId, dataset })] : []),
    ],
  } satisfies Partial<UploadCommit>;
}

/** A review also finds what `rejectBatch` refuses, so no pass follows it but the one that delivers. */
function firstPhase({ requiresApproval, onInvalid }: PolicyVersion["policy"]): Phase {
  if (requiresApproval === "afterValidation") return "review";
  return onInvalid === "rejectBatch" ? "validate" : "deliver";
}

/** The same for the commit of a checked batch. Its `batch.created` was published at its upload. */
export async function committedParts(
  intake: Intake,
  via: Pick<Context, "call">,
  { id, contentHash, version, ...row }: BatchRow,
  clientPublicId: string,
  found: PolicyVersion,
) {
  const { publicId, clientId, dataset, format, requestId, trace, bytes, records, chunks, envelope } = row;
  const upload = {
    id,
    batch: { publicId, clientId, policyVersion: found.version, dataset, format, requestId, trace },
    chunks: [],
    totals: { bytes, records, chunks, contentHash: contentHash ?? "", envelope },
  };
  const parts = await commitPartsOf(intake, via, { upload }, clientPublicId, found);
  const after = { batchId: publicId, clientId: clientPublicId, dataset, state: parts.state, version: version + 1 };
  const known = newBatchEvents(intake.namespace, after, found.policy).filter(({ topic }) => topic !== "batch.created");
  const events = [...known, ...parts.events.filter(({ topic }) => topic === ALERT_TOPIC)];
  return { ...parts, events, checked: { version } } satisfies Partial<UploadCommit>;
}

/**
 * The state of a new batch in its lane: a batch that may run waits for those in front. "None in front" holds only until another
 * batch enters the lane, so the commit checks it again.
 */
async function standingIn(store: Intake["store"], lane: Lane | null, standing: ReturnType<typeof standingAfter>) {
  if (!lane) return { ...standing, order: null };
  const anyway = { lane: lane.lane, places: null };
  if (standing.state !== "ready") return { ...standing, order: anyway };
  const { places, front } = await store.laneState(lane);
  if (front === null) return { ...standing, order: { lane: lane.lane, places } };
  return { state: "held", due: null, reason: { hold: "order", batchId: front }, order: anyway } as const;
}

/** Commits what `make` makes: once more where another batch has entered its lane since. */
export async function committed(store: Intake["store"], make: () => Promise<UploadCommit>) {
  for (;;) {
    const whole = await make();
    const done = await store.commitUpload(whole);
    if (done.outcome !== "overtaken") return { whole, done };
  }
}

/** Announces a new batch. If the batch in front has ended during its commit, the lane is advanced. */
export async function announceNew(intake: Intake, ctx: Context, written: Written, { order }: UploadCommit) {
  intake.announce(written);
  const { state, clientId } = written.batch;
  // If the call is lost, the sweep advances the lane.
  if (order && state === "held") await actors.batch.advance(ctx, { clientId, lane: order.lane }).catch(() => {});
}

/** Deletes an upload that became no batch. If the database is away, the sweep does it, and the first error is kept. */
export async function takeBack({ uploads }: Intake, upload: Upload): Promise<void> {
  if (await upload.undo().catch(() => false)) uploads.wipe(upload.rowId as number);
}

export interface NewBatchEvents {
  batchId: string;
  /** The client's public id. */
  clientId: string;
  dataset: string;
  state: BatchState;
  version: number;
}

/** The events of a new batch: created and, unless it is held, ready. */
export function newBatchEvents(namespace: string, batch: NewBatchEvents, policy: WantsEvents): OutboxDraft[] {
  const { state: status, ...rest } = batch;
  const { batchId } = rest;
  const data = { ...rest, status };
  const created = draftEvent(namespace, "batch.created", batchId, data);
  const events = status === "ready" ? [created, draftEvent(namespace, "batch.ready", batchId, data)] : [created];
  return forWebhook(events, policy);
}
