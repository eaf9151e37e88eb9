/** How a body becomes a batch: limits, upload, decision, and the one commit that makes it visible. */
import type { Context } from "moleculer";
import { isUnknown } from "../../database/errors.ts";
import type { UploadCommit } from "../../database/store.ts";
import { Problem } from "../../lib/errors.ts";
import { databaseAway } from "../../mixins/database.ts";
import type { ParamsOf } from "../messages.ts";
import type { Policy } from "../policy/policy.contract.ts";
import { decodedBody } from "./imports.body.ts";
import type { Created, UploadBody } from "./imports.contract.ts";
import { dedupOf, duplicateAnswer } from "./imports.dedup.ts";
import { WireDigests } from "./imports.digest.ts";
import { answeredBefore, answerIn, idempotencyOf, replayed } from "./imports.idempotency.ts";
import type { Patience } from "./imports.idle.ts";
import type { Intake } from "./imports.intake.ts";
import { commitPartsOf, planFor, takeBack } from "./imports.plan.ts";
import { dayQuotaOf, QuotaWatch, quotaExceeded } from "./imports.quota.ts";
import { type ReceivedBody, Upload } from "./imports.upload.ts";

type Create = ParamsOf<"imports.create">;

/** 1 kB/s in each two minutes that we wait: slower than any real line. It ends bodies that only occupy a place. */
const PATIENCE: Patience = { idleMs: 30_000, windowMs: 120_000, windowBytes: 120_000 };

/** See `imports.create` in the contract. */
export async function receive(intake: Intake, ctx: Context<Create>): Promise<Created> {
  const { clientId, policy } = ctx.params;
  const leave = intake.uploads.enter(clientId, policy.policy.maxConcurrentUploads);
  try {
    return await takeIn(intake, ctx);
  } finally {
    leave();
  }
}

async function takeIn(intake: Intake, ctx: Context<Create>): Promise<Created> {
  const { encoding, digests = [] } = ctx.params;
  const { policy } = ctx.params.policy;
  const stop = new AbortController();
  const upload = new Upload(intake.store, await planOf(intake, ctx.params, stop));
  const ended = intake.uploads.stoppable(stop);
  let created: Created | null = null;
  try {
    const wire = new WireDigests(digests, encoding);
    const sent = bodyOf(ctx);
    const signal = AbortSignal.any([stop.signal, sent.voided, sent.revoked].filter((one) => one !== undefined));
    const { maxBytes } = policy;
    const body = decodedBody(sent, encoding, { maxBytes, patience: PATIENCE, signal, onWire: wire.update });
    const received = await upload.take(body);
    wire.check(received.contentHash);
    created = received.answered
      ? replayed(received.answered, ctx.params, received.contentHash)
      : await commit(intake, ctx, received, policy);
    return created;
  } finally {
    ended();
    const isKept = created?.status === 202 && !created.isReplayed;
    if (!isKept) await takeBack(intake, upload);
    intake.uploads.drop(upload.rowId);
  }
}

/** Throws idempotency-in-progress, quota-exceeded. */
async function planOf(intake: Intake, params: Create, stop: AbortController) {
  const { store } = intake;
  const { clientId, charset, delimiter, encoding, contentLength, idempotencyKey } = params;
  const plan = planFor(intake, params, params.policy, { charset, delimiter });
  const dayQuota = dayQuotaOf(params.policy.policy);
  const answered = await answeredBefore(store, params, dayQuota !== null);
  const leastBytes = encoding === "identity" ? (contentLength ?? 0) : 0;
  return {
    ...plan,
    key: idempotencyKey ?? null,
    answered,
    quota: answered ? null : await QuotaWatch.begin(store, clientId, dayQuota, leastBytes),
    onRefused: (error: unknown) => stop.abort(error),
  };
}

/** A local call passes the request itself, without a buffer in between. */
function bodyOf(ctx: Context<Create>): UploadBody {
  const { stream } = ctx as unknown as { stream?: UploadBody };
  if (!stream) throw new Problem("empty-body", "There is no body.");
  return stream;
}

async function commit(intake: Intake, ctx: Context<Create>, received: ReceivedBody, policy: Policy): Promise<Created> {
  const { store } = intake;
  const whole = await commitOf(intake, ctx, received, policy);
  // From here on the body cannot be refused any more: the answer says that it is stored.
  for (const signal of [bodyOf(ctx).voided, bodyOf(ctx).revoked]) signal?.throwIfAborted();
  const done = await store.commitUpload(whole).catch((error: unknown) => {
    // The id lets the client look for its batch once the database is back.
    throw isUnknown(error) ? databaseAway(error, { batchId: whole.batch.publicId }) : error;
  });
  switch (done.outcome) {
    case "stored":
      intake.announce(done);
      return { status: 202, batch: done.batch, isReplayed: false };
    case "swept":
      throw new Problem("unavailable", "The upload was given up meanwhile. Send it again.");
    case "repeated":
      return replayed(answerIn(done.holder), ctx.params, received.contentHash);
    case "duplicate":
      return duplicateAnswer(store, ctx.params, whole, done.batch, policy);
    case "overQuota":
      throw quotaExceeded(whole.quota as NonNullable<UploadCommit["quota"]>, done.usage, whole.totals);
    default:
      throw new Error(`No such outcome: ${JSON.stringify(done satisfies never)}`);
  }
}

async function commitOf(
  intake: Intake,
  ctx: Context<Create>,
  received: ReceivedBody,
  policy: Policy,
): Promise<UploadCommit> {
  return {
    ...(await commitPartsOf(intake, ctx, received, ctx.params.clientPublicId, policy)),
    key: idempotencyOf(ctx.params, received.contentHash),
    dedup: dedupOf(policy),
    quota: dayQuotaOf(policy),
  };
}
