/** How a body becomes a batch: limits, upload, decision, and the one commit that makes it visible. */
import type { Context } from "moleculer";
import { isOutcomeUnknown } from "../../database/errors.ts";
import type { Envelope } from "../../formats/formats.ts";
import { Problem } from "../../lib/errors.ts";
import { databaseAway } from "../../mixins/database.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import { correctionOf, pinnedPolicy } from "../batches.ts";
import type { ParamsOf } from "../messages.ts";
import { tallyOf } from "../tally.ts";
import { decodedBody } from "./imports.body.ts";
import type { RoomFor } from "./imports.codings.ts";
import { type Created, FORM_ALLOWANCE, type UploadBody } from "./imports.contract.ts";
import { correctedBy } from "./imports.corrects.ts";
import { dedupOf, duplicateAnswer } from "./imports.dedup.ts";
import { WireDigests } from "./imports.digest.ts";
import type { DayQuota, UploadCommit } from "./imports.domain.ts";
import { formFile } from "./imports.form.ts";
import { type Asked, answeredBefore, answerIn, idempotencyOf, replayed } from "./imports.idempotency.ts";
import type { Patience } from "./imports.idle.ts";
import { KeptBody } from "./imports.kept.ts";
import { patchedRecords } from "./imports.patches.ts";
import { announceNew, commitPartsOf, committed, planFor, takeBack } from "./imports.plan.ts";
import { dayQuotaOf, QuotaWatch, quotaExceeded } from "./imports.quota.ts";
import type { Intake } from "./imports.running.ts";
import { type ReceivedBody, Upload } from "./imports.upload.ts";

type Create = ParamsOf<"imports.create">;
type Opening = Pick<Create, "clientId" | "codings" | "form" | "format" | "policy">;

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
  const { codings, form, digests = [], isPatches } = ctx.params;
  const stop = new AbortController();
  const ended = intake.uploads.stoppable(stop);
  try {
    const parent = await correctedBy(ctx);
    const corrects = parent && correctionOf(parent);
    const wire = new WireDigests(digests, codings.length === 0 && form === undefined && !isPatches);
    const { content, pieces, signal } = await openBody(intake, ctx, stop.signal, wire);
    const body = { pieces: isPatches && parent ? await patched(intake, ctx, parent, pieces) : pieces, signal };
    return await store(intake, { ctx, asked: { ...ctx.params, ...content }, corrects, ...body, wire, stop });
  } finally {
    ended();
  }
}

async function patched({ store }: Intake, ctx: Context<Create>, parent: BatchRow, pieces: AsyncIterable<Buffer>) {
  const { policy: pinned } = await pinnedPolicy(ctx.broker, parent);
  return patchedRecords(pieces, { store, parent, pinned, limits: ctx.params.policy.policy });
}

/** The format of the body, and its bytes, which are read on demand. In a form, the bytes before the file are read at once. */
export async function openBody(
  { uploads }: Intake,
  ctx: Context<Opening>,
  stopped: AbortSignal,
  wire: WireDigests | null,
) {
  const { clientId, codings, form, format, policy } = ctx.params;
  const sent = bodyOf(ctx);
  const signal = endOf(sent, stopped);
  const maxBytes = policy.policy.maxBytes + (form ? FORM_ALLOWANCE : 0);
  const roomFor: RoomFor = (bytes) => uploads.windows.take(clientId, bytes);
  const body = decodedBody(sent, codings, {
    maxBytes,
    patience: PATIENCE,
    signal,
    roomFor,
    onWire: wire?.update ?? null,
  });
  if (form) return { ...(await formFile(body, form, policy.policy.formats)), signal };
  if (!format) throw new Error("An upload without a format must be a form.");
  return { content: { format }, pieces: body, signal };
}

/** The bytes of a form whose policy is not known yet: its reader bounds them. */
export function openForm({ uploads }: Intake, ctx: Pick<Context, "stream">, clientId: number, stopped: AbortSignal) {
  const sent = bodyOf(ctx);
  const signal = endOf(sent, stopped);
  const roomFor: RoomFor = (bytes) => uploads.windows.take(clientId, bytes);
  return { pieces: decodedBody(sent, [], { maxBytes: 0, patience: PATIENCE, signal, roomFor }), signal };
}

const endOf = ({ voided, revoked }: UploadBody, stopped: AbortSignal): AbortSignal =>
  AbortSignal.any([stopped, voided, revoked].filter((one) => one !== undefined));

interface Sent {
  ctx: Context<Create>;
  asked: Asked;
  corrects: Envelope["corrects"];
  pieces: AsyncIterable<Buffer>;
  /** Its abort ends the upload, with the abort's reason. */
  signal: AbortSignal;
  wire: WireDigests;
  stop: AbortController;
}

async function store(intake: Intake, { ctx, asked, corrects, pieces, signal, wire, stop }: Sent): Promise<Created> {
  const upload = new Upload(intake.store, await planOf(intake, asked, corrects, stop));
  let created: Created | null = null;
  try {
    const received = await upload.take(pieces, signal);
    wire.check(received.contentHash);
    created = received.answered
      ? replayed(received.answered, asked, received.contentHash)
      : await commit(intake, ctx, asked, received);
    return created;
  } finally {
    const isKept = created?.status === 202 && !created.isReplayed;
    if (!isKept) await takeBack(intake, upload);
    intake.uploads.drop(upload.rowId);
  }
}

/** Throws idempotency-in-progress, quota-exceeded. */
async function planOf(intake: Intake, params: Asked, corrects: Envelope["corrects"], stop: AbortController) {
  const { store, uploads } = intake;
  const { clientId, charset, delimiter, hasHeader, codings, form, contentLength, idempotencyKey, isPatches } = params;
  const plan = planFor(intake, params, params.policy, {
    encoding: charset,
    delimiter,
    hasHeader,
    ...(corrects && { corrects }),
    ...(isPatches && { isKnown: true }),
  });
  const dayQuota = quotaOf(params);
  const answered = await answeredBefore(store, params, dayQuota !== null);
  const leastBytes = codings.length === 0 && !form ? (contentLength ?? 0) : 0;
  return {
    ...plan,
    key: idempotencyKey ?? null,
    answered,
    quota: answered ? null : await QuotaWatch.begin(store, clientId, dayQuota, leastBytes),
    kept: params.policy.policy.keepBodyDays > 0 ? new KeptBody() : null,
    onRead: (bytes: number) => {
      uploads.bytes += bytes;
    },
    onRefused: (error: unknown) => stop.abort(error),
  };
}

/** A local call passes the request itself, without a buffer in between. */
function bodyOf(ctx: Pick<Context, "stream">): UploadBody {
  const stream = ctx.stream as UploadBody | null;
  if (!stream) throw new Problem("empty-body", "The request has no body: send the records in it.");
  return stream;
}

async function commit(intake: Intake, ctx: Context<Create>, asked: Asked, received: ReceivedBody): Promise<Created> {
  const { store } = intake;
  const { policy } = asked.policy;
  const { whole, done } = await committed(store, async () => {
    const made = await commitOf(intake, ctx, asked, received);
    // From here on the body can no longer be refused: the answer says that it is stored.
    for (const signal of [bodyOf(ctx).voided, bodyOf(ctx).revoked]) signal?.throwIfAborted();
    return made;
  }).catch((error: unknown) => {
    // The id lets the client look for its batch once the database is back.
    throw isOutcomeUnknown(error) ? databaseAway(error, { batchId: received.upload.batch.publicId }) : error;
  });
  switch (done.outcome) {
    case "stored":
      tallyOf(ctx.broker).add("bytes", done.batch.bytes, done.batch.clientId);
      await announceNew(intake, ctx, done, whole);
      return { status: 202, batch: done.batch, isReplayed: false };
    case "swept":
      throw new Problem("unavailable", "The upload was stopped before it was stored. Send it again.");
    case "repeated":
      return replayed(answerIn(done.holder), asked, received.contentHash);
    case "duplicate":
      return duplicateAnswer(store, asked, whole, done.batch, policy);
    case "overQuota":
      throw quotaExceeded(whole.quota as NonNullable<UploadCommit["quota"]>, done.usage, whole.totals);
    default:
      throw new Error(`No such outcome: ${JSON.stringify(done satisfies never)}`);
  }
}

async function commitOf(
  intake: Intake,
  ctx: Context<Create>,
  asked: Asked,
  received: ReceivedBody,
): Promise<UploadCommit> {
  const found = asked.policy;
  const { bytes } = received.upload.totals;
  return {
    ...(await commitPartsOf(intake, ctx, received, asked.clientPublicId, found, asked.validateOnly)),
    key: idempotencyOf(asked, received.contentHash),
    dedup: dedupOf(found, received.contentHash),
    quota: quotaOf(asked),
    ...(asked.corrects !== undefined && { corrects: asked.corrects }),
    ...(asked.validateOnly && { spent: { bytes, records: 0 } }),
  };
}

/** The records of a check count once it is committed. */
function quotaOf({ policy: { policy }, validateOnly }: Asked): DayQuota | null {
  const quota = dayQuotaOf(policy);
  return quota && validateOnly ? { ...quota, records: null } : quota;
}
