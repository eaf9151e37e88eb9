/** Makes a new batch of the rejected records of a batch, by today's policy. */

import type { Context } from "moleculer";
import { ConstraintViolation } from "../../database/errors.ts";
import { dialectOf } from "../../formats/csv/dialect.ts";
import { UTF_8 } from "../../formats/encoding/transcoder.ts";
import { retried } from "../../formats/parts.ts";
import { isProblem, Problem } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import { auditing, named } from "../audits.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import { RETRIED_AS } from "../batch/batch.history.domain.ts";
import type { ParamsOf } from "../messages.ts";
import type { PolicyVersion } from "../policy/policy.contract.ts";
import { requireRejected } from "../retries.ts";
import { announceNew, commitPartsOf, committed, planFor, takeBack } from "./imports.plan.ts";
import { RejectedRecords } from "./imports.rejected.ts";
import type { Intake } from "./imports.running.ts";
import { type ReceivedBody, Upload } from "./imports.upload.ts";

type Retry = ParamsOf<"imports.retryRejected">;

/** See the contract. Two calls at once make one batch: the second commit finds the first one's batch. */
export async function retryRejected(intake: Intake, ctx: Context<Retry>) {
  const { publicId, clientId } = ctx.params;
  const parent = await actors.batch.get(ctx, { publicId, clientId });
  const child = await intake.store.childOf(parent.id);
  if (child) return { batch: child, isNew: false };
  requireRejected(parent);
  try {
    return { batch: await sendAgain(intake, ctx, parent), isNew: true };
  } catch (error) {
    const faster = error instanceof ConstraintViolation ? await intake.store.childOf(parent.id) : null;
    if (!faster) throw error;
    return { batch: faster, isNew: false };
  }
}

async function sendAgain(intake: Intake, ctx: Context<Retry>, parent: BatchRow): Promise<BatchRow> {
  const { policy: found, requestId } = ctx.params;
  const leave = intake.uploads.enter(parent.clientId, found.policy.maxConcurrentUploads);
  const records = new RejectedRecords(intake.store, parent);
  const upload = new Upload(intake.store, planOf(intake, parent, found, records, requestId));
  try {
    const received = await upload.take(records.body());
    return await commit(intake, ctx, parent, received, found);
  } catch (error) {
    await takeBack(intake, upload);
    // Its rejected records were counted, and are there no longer.
    if (isProblem(error, "empty-body")) throw new Problem("gone", "All rejected records of the batch were erased.");
    throw error;
  } finally {
    intake.uploads.drop(upload.rowId);
    leave();
  }
}

function planOf(
  intake: Intake,
  parent: BatchRow,
  current: PolicyVersion,
  records: RejectedRecords,
  requestId: string | null,
) {
  const asked = { clientId: parent.clientId, format: retried(parent.format).format, requestId };
  const plan = planFor(intake, asked, current, {
    encoding: UTF_8,
    dialect: dialectOf(parent.envelope),
    hasHeader: true,
    isKnown: true,
  });
  const splitter = records.split(plan.splitter);
  return { ...plan, splitter, key: null, answered: null, quota: null, onRefused: () => {} };
}

async function commit(
  intake: Intake,
  ctx: Context<Retry>,
  parent: BatchRow,
  received: ReceivedBody,
  found: PolicyVersion,
): Promise<BatchRow> {
  const audit = auditing(ctx)({
    action: "batch.retry",
    subject: named("batch", parent.publicId),
    change: { [RETRIED_AS]: [null, received.upload.batch.publicId] },
    reason: ctx.params.reason,
  });
  const { whole, done } = await committed(intake.store, async () => ({
    ...(await commitPartsOf(intake, ctx, received, ctx.params.clientPublicId, found)),
    parent: { id: parent.id, publicId: parent.publicId },
    // The records were counted before, and the client sends them again on purpose: no quota, no dedup.
    key: null,
    dedup: null,
    quota: null,
    ...(audit && { audit }),
  }));
  if (done.outcome !== "stored")
    throw new Problem("unavailable", "The retry was stopped before it was stored. Send the request again.");
  await announceNew(intake, ctx, done, whole);
  return done.batch;
}
