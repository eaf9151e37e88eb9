/** How a body becomes a batch: limits, upload, decision, and the one commit that makes it visible. */
import type { Context } from "moleculer";
import { isUnknown } from "../../database/errors.ts";
import type { UploadCommit } from "../../database/store.ts";
import { databaseAway } from "../../mixins/database.ts";
import { Problem } from "../errors.ts";
import { call, type ParamsOf } from "../messages.ts";
import type { Policy, PolicyVersion } from "../policy/policy.contract.ts";
import { decodedBody } from "./batch.body.ts";
import type { Created, UploadBody } from "./batch.contract.ts";
import { WireDigests } from "./batch.digest.ts";
import type { Patience } from "./batch.idle.ts";
import { dayQuotaOf, QuotaWatch, quotaExceeded } from "./batch.quota.ts";
import { doneBefore, doneOf, repeatsOf, replayed, sameContent } from "./batch.repeats.ts";
import type { BatchService } from "./batch.service.ts";
import { startedOf, startOf, takeBack } from "./batch.start.ts";
import { type Taken, Upload } from "./batch.upload.ts";

type Create = ParamsOf<"batch.create">;

/** 1 kB/s in each two minutes that we wait: slower than any line, and an end to bodies that only hold a place. */
const PATIENCE: Patience = { idleMs: 30_000, windowMs: 120_000, windowBytes: 120_000 };

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
    const sent = bodyOf(ctx);
    const signal = AbortSignal.any([stop.signal, sent.voided, sent.revoked].filter((one) => one !== undefined));
    const { maxBytes } = current.policy;
    const body = decodedBody(sent, encoding, { maxBytes, patience: PATIENCE, signal, onWire: wire.update });
    const taken = await upload.take(body);
    wire.check(taken.contentHash);
    created = taken.done
      ? replayed(taken.done, ctx.params, taken.contentHash)
      : await commit(service, ctx, taken, current.policy);
    return created;
  } finally {
    ended();
    const isKept = created?.status === 202 && !created.isReplayed;
    if (!isKept) await takeBack(service, upload);
    service.uploads.drop(upload.rowId);
  }
}

/** Throws idempotency-in-progress, quota-exceeded. */
async function planOf(service: BatchService, params: Create, current: PolicyVersion, stop: AbortController) {
  const { store } = service.database;
  const { clientId, charset, delimiter, encoding, contentLength, idempotencyKey } = params;
  const start = startOf(service, params, current, { charset, delimiter });
  const dayQuota = dayQuotaOf(current.policy);
  const done = await doneBefore(store, params, dayQuota !== null);
  const leastBytes = encoding === "identity" ? (contentLength ?? 0) : 0;
  return {
    ...start,
    key: idempotencyKey ?? null,
    done,
    quota: done ? null : await QuotaWatch.begin(store, clientId, dayQuota, leastBytes),
    onRefused: (error: unknown) => stop.abort(error),
  };
}

/** Local calls hand the request itself over; nothing is buffered between. */
function bodyOf(ctx: Context<Create>): UploadBody {
  const { stream } = ctx as unknown as { stream?: UploadBody };
  if (!stream) throw new Problem("empty-body", "There is no body.");
  return stream;
}

async function commit(service: BatchService, ctx: Context<Create>, taken: Taken, policy: Policy): Promise<Created> {
  const { store } = service.database;
  const { totals } = taken.upload;
  const whole = await commitOf(service, ctx, taken, policy);
  // From here on it is too late to refuse it: the answer tells that it is stored.
  for (const signal of [bodyOf(ctx).voided, bodyOf(ctx).revoked]) signal?.throwIfAborted();
  const done = await store.commitUpload(whole).catch((error: unknown) => {
    // By its id the client can look, once the database is back.
    throw isUnknown(error) ? databaseAway(error, { batchId: whole.batch.publicId }) : error;
  });
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
  taken: Taken,
  policy: Policy,
): Promise<UploadCommit> {
  return {
    ...(await startedOf(service, ctx, taken, ctx.params.clientPublicId, policy)),
    ...repeatsOf(ctx.params, taken.contentHash, policy),
    quota: dayQuotaOf(policy),
  };
}
