/** How a body becomes a batch: limits, upload, decision, and the one commit that makes it visible. */
import type { Readable } from "node:stream";
import type { Context } from "moleculer";
import { v7 as uuidv7 } from "uuid";
import type { BatchRow, UploadCommit } from "../../database/store.ts";
import { createSplitter } from "../../formats/split.ts";
import { isProblem, Problem } from "../errors.ts";
import { call, type ParamsOf } from "../messages.ts";
import type { Policy } from "../policy/policy.contract.ts";
import { decodedBody } from "./batch.body.ts";
import { forWebhook } from "./batch.deliveries.ts";
import type { BatchService } from "./batch.service.ts";
import { Upload } from "./batch.upload.ts";

type Create = ParamsOf<"batch.create">;
type Taken = Awaited<ReturnType<Upload["take"]>>;

/** A chunk is the unit of storage, of commit and of a handler call: as large as one commit of some 10 ms takes. */
const CHUNK_BYTES = 1024 * 1024;
/** A client that sends nothing for so long is gone. */
const UPLOAD_IDLE_MS = 30_000;
/** A decision that failed is tried again so much later. */
const EVALUATE_AGAIN_MS = 5_000;

export async function createBatch(service: BatchService, ctx: Context<Create>): Promise<BatchRow> {
  const { version, policy } = await call(ctx, "policy.get", { clientId: ctx.params.clientId });
  const plan = planOf(service, ctx.params, policy, version);
  const leave = service.uploads.enter(ctx.params.clientId, policy.maxConcurrentUploads);
  const upload = new Upload(service.database.store, plan);
  try {
    const body = decodedBody(bodyOf(ctx), ctx.params.encoding, UPLOAD_IDLE_MS);
    const taken = await upload.take(body);
    return await commit(service, ctx, taken, policy);
  } catch (error) {
    if (await undone(upload)) service.uploads.wipe(upload.rowId as number);
    throw error;
  } finally {
    service.uploads.drop(upload.rowId);
    leave();
  }
}

function planOf(service: BatchService, params: Create, policy: Policy, policyVersion: number) {
  const { clientId, format, charset, delimiter, requestId } = params;
  const { chunkRecords, maxRecords, maxRecordBytes, maxBytes } = policy;
  const limits = { chunkRecords, chunkBytes: CHUNK_BYTES, maxRecords, maxRecordBytes };
  return {
    batch: { publicId: uuidv7(), clientId, policyVersion, format, requestId },
    splitter: createSplitter(format, limits, { charset, delimiter }),
    maxBytes,
    leaseMs: service.leaseMs,
    onBegun: (id: number) => service.uploads.keep(id),
  };
}

/** Local calls hand the request itself over; nothing is buffered between. */
function bodyOf(ctx: Context<Create>): Readable {
  const { stream } = ctx as unknown as { stream?: Readable };
  if (!stream) throw new Problem("empty-body", "There is no body.");
  return stream;
}

async function commit(service: BatchService, ctx: Context<Create>, taken: Taken, policy: Policy): Promise<BatchRow> {
  const { clientId, clientPublicId, format } = ctx.params;
  const { bytes, records } = taken.totals;
  const decided = await decide(ctx, { clientId, format, bytes, records });
  const version = taken.id === null ? 1 : 2;
  const written = await service.database.store.commitUpload({
    ...taken,
    ...decided,
    phase: policy.onInvalid === "rejectBatch" ? "validate" : "deliver",
    queue: { cap: policy.maxConcurrentBatches, weight: policy.weight },
    events: forWebhook(service.events.created(taken.batch.publicId, clientPublicId, decided.state, version), policy),
  });
  const batch = service.published(written);
  if (!batch) throw new Problem("unavailable", "The upload was given up meanwhile. Send it again.");
  return batch;
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
