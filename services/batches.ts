/** Rules about batches that several actors share: what the states mean, and what is published. */
import type { ServiceBroker } from "moleculer";
import type { Envelope } from "../formats/formats.ts";
import { isProblem } from "../lib/errors.ts";
import { Fields, type Logger, withFields } from "../lib/log/fields.ts";
import { actors } from "./actors.ts";
import { BATCH_WRITTEN, type BatchNews } from "./batch/batch.contract.ts";
import { type BatchRow, type BatchState, isFinal, type Lane, ownDataset } from "./batch/batch.domain.ts";
import type { Due, Written } from "./batch/batch.writes.domain.ts";
import type { ReadyBatch } from "./batchProcessor/batchProcessor.contract.ts";
import type { UploadCommit } from "./imports/imports.domain.ts";
import { publishSoon } from "./messages.ts";
import type { Decision, Policy } from "./policy/policy.contract.ts";

/** A logger for lines about this batch. Each line has the batch's id, and the id of the request that created it. */
export const logOf = <L extends Partial<Logger>>(
  logger: L,
  { publicId, requestId }: { [name in "publicId" | "requestId"]: string | null },
): L => withFields(logger, { batchId: publicId ?? undefined, requestId: requestId ?? undefined });

/** Logs that a batch has ended or is held, and logs nothing for other states. The service that has written the state calls it. */
export function standingTold(logger: Logger, batch: BatchRow): void {
  const { state, reason, accepted, rejected, duplicate } = batch;
  if (!isFinal(state) && state !== "held") return;
  const why = reason && "hold" in reason ? reason.hold : errorForOperators(batch)?.code;
  const told = new Fields({ state, code: why, accepted, rejected, duplicate });
  logOf(logger, batch).info(state === "held" ? "The batch is held." : "The batch has ended.", told);
}

/** Why a batch failed or was rejected. */
export interface BatchError {
  code: string;
  detail: string;
}

/** The batch's error as operators see it. Null: the batch has no error. */
export const errorForOperators = ({ reason }: Pick<BatchRow, "reason">): BatchError | null =>
  reason && "code" in reason ? { code: reason.code, detail: reason.detail } : null;

/**
 * The error as the partner and receivers of events see it. A handler's own message is for operators only: it may name
 * actions, nodes, addresses or other data. The text depends on the code alone, so batches of earlier releases have it too.
 */
export function errorForPartner(batch: Pick<BatchRow, "reason">): BatchError | null {
  const error = errorForOperators(batch);
  return error?.code === "handler-failed" ? { ...error, detail: "The handler failed." } : error;
}

/**
 * Whether an ended batch keeps its body: a failed batch does, so that it can be redriven, and a batch that was only checked, so that it
 * can be committed.
 */
export const keepsBody = (state: BatchState): boolean => state === "failed" || state === "validated" || !isFinal(state);

export interface PinnedPolicy {
  policy: Policy;
  /** The scope of the batch's unique keys within the client: its dataset. Omitted: the client's own policy. */
  scope?: string;
  /** The version of that dataset. */
  datasetVersion?: number | undefined;
  /**
   * The pinned version is missing, so this is the policy in force. It may end and delete the batch, but no batch runs
   * under it.
   */
  isGone: boolean;
}

/** The policy version that a batch is pinned to. Throws unavailable. */
export async function pinnedPolicy(
  broker: ServiceBroker,
  { clientId, policyVersion: version }: Pick<BatchRow, "clientId" | "policyVersion">,
): Promise<PinnedPolicy> {
  try {
    const { policy, dataset } = await actors.policy.version(broker, { clientId, version });
    return { policy, ...(dataset && { scope: dataset.scope, datasetVersion: dataset.version }), isGone: false };
  } catch (error) {
    if (!isProblem(error, "not-found")) throw error;
    return { policy: (await actors.policy.get(broker, { clientId })).policy, isGone: true };
  }
}

/** The lane of a client's batches, if they keep an order. A dataset that is deleted and created again starts a new lane. */
export const laneOf = (clientId: number, { policy, scope }: Pick<PinnedPolicy, "policy" | "scope">): Lane | null =>
  policy.order === "fifo" ? { clientId, lane: scope ?? ownDataset } : null;

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** When an ended batch is to be deleted, by its pinned policy. */
export const retentionDue = ({ retentionDays }: { retentionDays: number }): Due => ({ inMs: retentionDays * DAY_MS });

/** When the body of a batch that was only checked is to be deleted, by its pinned policy. Its retention begins then. */
export const checkedDue = ({ validatedHours }: { validatedHours: number }): Due => ({ inMs: validatedHours * HOUR_MS });

/**
 * How long the body of an ended batch is kept: for `keepBodyDays`, and as long as it is needed for rejected records that the error
 * report does not list.
 */
export function bodyKeptMs(policy: Policy, { unlisted }: Pick<BatchRow, "unlisted">): number {
  const own = policy.keepBodyDays * DAY_MS;
  const kept = unlisted > 0 ? Math.max(own, policy.validatedHours * HOUR_MS) : own;
  return Math.min(kept, policy.retentionDays * DAY_MS);
}

/**
 * When the first part of a batch that ends now is deleted: its body if it still has one, otherwise the whole batch. A failed batch keeps
 * its body until then.
 */
export function endedDue(policy: Policy, batch: Pick<BatchRow, "state" | "unlisted">): Due {
  if (batch.state === "validated") return checkedDue(policy);
  return keepsBody(batch.state) ? retentionDue(policy) : { inMs: bodyKeptMs(policy, batch) };
}

/**
 * When the rest of an ended batch is deleted whose body is deleted now. For a batch that was only checked, the retention begins at this
 * moment.
 */
export function restDue({ retentionDays }: Policy, { state, finishedAt }: BatchRow): Due {
  const inMs = retentionDays * DAY_MS;
  return state === "validated" || finishedAt === null ? { inMs } : { at: finishedAt + inMs };
}

/** How long to wait after a failed decision before it is tried again. */
const EVALUATE_AGAIN_MS = 5_000;

export type Standing = Pick<UploadCommit, "state" | "due" | "reason">;

/**
 * The state of a batch by the policy's decision. Null: the policy service did not answer; it is asked again when
 * `due_at` passes.
 */
export function standingAfter(decision: Decision | null): Standing {
  if (!decision) return { state: "received", due: { inMs: EVALUATE_AGAIN_MS }, reason: null };
  if (decision.decision === "ready") return { state: "ready", due: { inMs: 0 }, reason: null };
  const { hold, until } = decision;
  return { state: "held", due: until === null ? null : { at: until }, reason: { hold, until } };
}

/** Wakes waiting requests of this node at once, and gives the events of the write to the outbox for all other receivers. */
export const announceBatch = (broker: ServiceBroker, written: Written): void => announceBatches(broker, [written]);

/** Publishes the events of several batches in one call. The token for workers names the first ready batch. */
export function announceBatches(broker: ServiceBroker, all: Written[]): void {
  for (const { batch } of all) {
    const { publicId: batchId, version, state } = batch;
    broker.localBus.emit(BATCH_WRITTEN, { batchId, version, hasEnded: isFinal(state) } satisfies BatchNews);
  }
  const ready = all.find(({ batch }) => batch.state === "ready")?.batch;
  publishSoon(broker, { rows: all.flatMap(({ outbox }) => outbox), ...(ready && { ready: readyBatch(ready) }) });
}

const readyBatch = ({ id, publicId: batchId, fence }: BatchRow): ReadyBatch => ({ batchId, id, fence });

/** The id of the batch, and the id of the original batch of its records. */
export const correctionOf = ({
  id,
  envelope,
}: Pick<BatchRow, "id" | "envelope">): NonNullable<Envelope["corrects"]> => ({
  id,
  first: envelope.corrects?.first ?? id,
});
