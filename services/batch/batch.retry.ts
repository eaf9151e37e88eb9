/** The rejected records of a batch as a batch of their own: sent again as they came, by today's policy. */
import type { Context } from "moleculer";
import { ConstraintViolation } from "../../database/errors.ts";
import type { BatchRow } from "../../database/store.ts";
import type { Format } from "../../formats/formats.ts";
import { Problem } from "../errors.ts";
import { call, type ParamsOf } from "../messages.ts";
import type { Policy, PolicyVersion } from "../policy/policy.contract.ts";
import { isFinal } from "./batch.contract.ts";
import { ResentRecords } from "./batch.resent.ts";
import type { BatchService } from "./batch.service.ts";
import { startedOf, startOf, takeBack } from "./batch.start.ts";
import { type Taken, Upload } from "./batch.upload.ts";

type Retry = ParamsOf<"batch.retryRejected">;

/** See the contract. Two at once make one batch: the second to commit finds the first one's. */
export async function retryRejected(service: BatchService, ctx: Context<Retry>) {
  const { store } = service.database;
  const parent = await service.found(ctx.params);
  const child = await store.childOf(parent.id);
  if (child) return { batch: child, isNew: false };
  requireRejected(parent);
  try {
    return { batch: await resent(service, ctx, parent), isNew: true };
  } catch (error) {
    const faster = error instanceof ConstraintViolation ? await store.childOf(parent.id) : null;
    if (!faster) throw error;
    return { batch: faster, isNew: false };
  }
}

function requireRejected({ state, rejected, unlisted }: BatchRow): void {
  if (!isFinal(state))
    throw new Problem("illegal-state", `The batch is ${state}: it has not ended.`, { current: state });
  if (rejected === 0) throw new Problem("illegal-state", "No record of the batch was rejected.", { current: state });
  if (unlisted > 0)
    throw new Problem(
      "illegal-state",
      `The error report lists ${rejected - unlisted} of ${rejected} rejected records; the others are not kept. Correct the file and send it again.`,
      { current: state },
    );
}

async function resent(service: BatchService, ctx: Context<Retry>, parent: BatchRow): Promise<BatchRow> {
  const found = await call(ctx, "policy.get", { clientId: parent.clientId });
  const leave = service.uploads.enter(parent.clientId, found.policy.maxConcurrentUploads);
  const { store } = service.database;
  const resent = new ResentRecords(store, parent);
  const upload = new Upload(store, planOf(service, parent, found, resent, ctx.params.requestId));
  try {
    const taken = await upload.take(resent.body());
    return await commit(service, ctx, parent, taken, found.policy);
  } catch (error) {
    await takeBack(service, upload);
    throw error;
  } finally {
    service.uploads.drop(upload.rowId);
    leave();
  }
}

/** JSON elements are resent as lines: one that is no JSON any more would break an array around all of them. */
const formatOf = ({ format }: BatchRow): Format => (format === "csv" ? "csv" : "ndjson");

function planOf(
  service: BatchService,
  parent: BatchRow,
  current: PolicyVersion,
  resent: ResentRecords,
  requestId: string | null,
) {
  const asked = { clientId: parent.clientId, format: formatOf(parent), requestId };
  const start = startOf(service, asked, current, { delimiter: parent.envelope.delimiter });
  const splitter = resent.split(start.splitter);
  return { ...start, splitter, key: null, done: null, quota: null, onRefused: () => {} };
}

async function commit(
  service: BatchService,
  ctx: Context<Retry>,
  parent: BatchRow,
  taken: Taken,
  policy: Policy,
): Promise<BatchRow> {
  const done = await service.database.store.commitUpload({
    ...(await startedOf(service, ctx, taken, ctx.params.clientPublicId, policy)),
    parent: { id: parent.id, publicId: parent.publicId },
    // The records have counted already, and are sent again on purpose.
    key: null,
    dedup: null,
    quota: null,
  });
  if (done.outcome !== "stored") throw new Problem("unavailable", "The retry was given up meanwhile. Ask again.");
  service.published(done);
  return done.batch;
}
