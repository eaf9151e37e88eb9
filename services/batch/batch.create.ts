/** How a body becomes a batch: limits, upload, decision, and the one commit that makes it visible. */
import type { Readable } from "node:stream";
import type { Context } from "moleculer";
import type { UploadCommit } from "../../database/store.ts";
import { createSplitter } from "../../formats/split.ts";
import { isProblem, Problem } from "../errors.ts";
import { uuidv7 } from "../ids.ts";
import { call, type ParamsOf } from "../messages.ts";
import type { Policy, PolicyVersion } from "../policy/policy.contract.ts";
import { decodedBody } from "./batch.body.ts";
import type { Created } from "./batch.contract.ts";
import { forWebhook } from "./batch.deliveries.ts";
import { WireDigests } from "./batch.digest.ts";
import { dayQuotaOf, QuotaWatch, quotaExceeded } from "./batch.quota.ts";
import { doneBefore, doneOf, repeatsOf, replayed, sameContent } from "./batch.repeats.ts";
import type { BatchService } from "./batch.service.ts";
import { type Taken, Upload } from "./batch.upload.ts";

type Create = ParamsOf<"batch.create">;

/** A chunk is the unit of storage, of commit and of a handler call: as large as one commit of some 10 ms takes. */
export const CHUNK_BYTES = 1024 * 1024;
/** A client that sends nothing for so long is gone. */
const UPLOAD_IDLE_MS = 30_000;
/** A decision that failed is tried again so much later. */
const EVALUATE_AGAIN_MS = 5_000;

export async function createBatch(service: BatchService, ctx: Context<Create>): Promise<Created> {
  const current = await call(ctx, "policy.get", { clientId: ctx.params.clientId });
  const leave = service.uploads.enter(ctx.params.clientId, current.policy.maxConcurrentUploads);
  try {
    return await receive(service, ctx, current);
  } finally {
    leave();
  }
}

async function receive(service: BatchService, ctx: Context<Create>, current: PolicyVersion): Promise<Created> {
  const { encoding, digests = [] } = ctx.params;
  const stop = new AbortController();
  const upload = new Upload(service.database.store, await planOf(service, ctx.params, current, stop));
  const ended = service.uploads.stoppable(stop);
  let created: Created | null = null;
  try {
    const wire = new WireDigests(digests, encoding);
    const body = decodedBody(bodyOf(ctx), encoding, UPLOAD_IDLE_MS, { signal: stop.signal, onWire: wire.update });
    const taken = await upload.take(body);
    wire.check(taken.contentHash);
    created = taken.done
      ? replayed(taken.done, ctx.params, taken.contentHash)
      : await commit(service, ctx, taken, current.policy);
    return created;
  } finally {
    ended();
    const isKept = created?.status === 202 && !created.isReplayed;
    if (!isKept && (await undone(upload))) service.uploads.wipe(upload.rowId as number);
    service.uploads.drop(upload.rowId);
  }
}

/** Throws idempotency-in-progress, quota-exceeded. */
async function planOf(
  service: BatchService,
  params: Create,
  { policy, version }: PolicyVersion,
  stop: AbortController,
) {
  const { store } = service.database;
  const { clientId, format, charset, delimiter, requestId, encoding, contentLength, idempotencyKey } = params;
  const { chunkRecords, maxRecords, maxRecordBytes, maxBytes } = policy;
  const limits = { chunkRecords, chunkBytes: CHUNK_BYTES, maxRecords, maxRecordBytes };
  const splitter = createSplitter(format, limits, { charset, delimiter });
  const dayQuota = dayQuotaOf(policy);
  const done = await doneBefore(store, params, dayQuota !== null);
  const leastBytes = encoding === "identity" ? (contentLength ?? 0) : 0;
  return {
    batch: { publicId: uuidv7(), clientId, policyVersion: version, format, requestId },
    splitter,
    maxBytes,
    leaseMs: service.leaseMs,
    key: idempotencyKey ?? null,
    done,
    quota: done ? null : await QuotaWatch.begin(store, clientId, dayQuota, leastBytes),
    onBegun: (id: number) => service.uploads.keep(id),
    onRefused: (error: unknown) => stop.abort(error),
  };
}

/** Local calls hand the request itself over; nothing is buffered between. */
function bodyOf(ctx: Context<Create>): Readable {
  const { stream } = ctx as unknown as { stream?: Readable };
  if (!stream) throw new Problem("empty-body", "There is no body.");
  return stream;
}

async function commit(service: BatchService, ctx: Context<Create>, taken: Taken, policy: Policy): Promise<Created> {
  const { store } = service.database;
  const { totals } = taken.upload;
  const whole = await commitOf(service, ctx, taken, policy);
  const done = await store.commitUpload(whole);
  switch (done.outcome) {
    case "stored":
      service.published(done);
      return { status: 202, batch: done.batch, isReplayed: false };
    case "swept":
      throw new Problem("unavailable", "The upload was given up meanwhile. Send it again.");
    case "repeated":
      return replayed(doneOf(done.holder) as NonNullable<Taken["done"]>, ctx.params, taken.contentHash);
    case "duplicate":
      return sameContent(store, ctx.params, whole, done.batch, policy);
    case "overQuota":
      throw quotaExceeded(whole.quota as NonNullable<UploadCommit["quota"]>, done.usage, totals);
    default:
      throw new Error(`No such outcome: ${JSON.stringify(done satisfies never)}`);
  }
}

async function commitOf(
  service: BatchService,
  ctx: Context<Create>,
  { upload, contentHash }: Taken,
  policy: Policy,
): Promise<UploadCommit> {
  const { clientId, clientPublicId, format } = ctx.params;
  const { bytes, records } = upload.totals;
  const decided = await decide(ctx, { clientId, format, bytes, records });
  const version = upload.id === null ? 1 : 2;
  return {
    ...upload,
    ...decided,
    ...repeatsOf(ctx.params, contentHash, policy),
    quota: dayQuotaOf(policy),
    phase: policy.onInvalid === "rejectBatch" ? "validate" : "deliver",
    queue: { cap: policy.maxConcurrentBatches, weight: policy.weight },
    events: forWebhook(service.events.created(upload.batch.publicId, clientPublicId, decided.state, version), policy),
  };
}

export type Decided = Pick<UploadCommit, "state" | "due" | "reason">;

/** What becomes of a body that keeps all limits. A policy that cannot be asked delays the batch, it refuses nothing. */
export async function decide(via: Pick<Context, "call">, body: ParamsOf<"policy.evaluate">): Promise<Decided> {
  try {
    const decision = await call(via, "policy.evaluate", body);
    if (decision.decision === "ready") return { state: "ready", due: { inMs: 0 }, reason: null };
    const { hold, until } = decision;
    return { state: "held", due: until === null ? null : { at: until }, reason: { hold, until } };
  } catch (error) {
    if (isProblem(error) && !error.retryable) throw error;
    return { state: "received", due: { inMs: EVALUATE_AGAIN_MS }, reason: null };
  }
}

/** Whether the upload left a row to wipe. A database that is away leaves it to the sweep, and hides no first error. */
const undone = (upload: Upload): Promise<boolean> => upload.undo().catch(() => false);
