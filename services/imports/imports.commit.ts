/** Delivers a batch that was only checked, from its stored body, as an upload of today. */

import type { Context } from "moleculer";
import { checkFormat } from "../../formats/content.ts";
import { Problem } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import { auditing, named } from "../audits.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import type { ParamsOf } from "../messages.ts";
import type { Policy } from "../policy/policy.contract.ts";
import { correctable } from "./imports.corrects.ts";
import { dedupOf } from "./imports.dedup.ts";
import type { UploadCommit } from "./imports.domain.ts";
import { announceNew, committed, committedParts } from "./imports.plan.ts";
import { dayQuotaOf, quotaExceeded } from "./imports.quota.ts";
import type { Intake } from "./imports.running.ts";

type Commit = ParamsOf<"imports.commitChecked">;

/** See the contract. Of two calls at once the second one finds the batch committed. */
export async function commitChecked(intake: Intake, ctx: Context<Commit>) {
  const { publicId, clientId } = ctx.params;
  for (let seen = 0; ; ) {
    const batch = await actors.batch.get(ctx, { publicId, clientId });
    if (batch.committedAt !== null) return { batch, isNew: false };
    requireKept(batch, seen);
    const written = await commit(intake, ctx, batch);
    if (written) return { batch: written, isNew: true };
    seen = batch.version;
  }
}

/** `refused`: the version at which the commit was refused, though the batch has not changed since. Throws illegal-state, gone. */
function requireKept(batch: BatchRow, refused: number): void {
  const { state: current } = batch;
  if (current !== "validated")
    throw new Problem("illegal-state", `The batch is ${current}, not validated.`, { current });
  if (batch.chunks === 0 || batch.version === refused)
    throw new Problem("gone", "The body of the batch is not kept any longer. Send it again.");
}

/**
 * Commits a check. Null: the batch has changed, or its body is being deleted. Throws duplicate-batch, quota-exceeded,
 * illegal-state of a batch that it corrects, and the errors of an upload of such a body.
 */
async function commit(intake: Intake, ctx: Context<Commit>, batch: BatchRow): Promise<BatchRow | null> {
  const { policy: found, clientPublicId, reason } = ctx.params;
  const { policy } = found;
  requireAllowed(batch, policy);
  // What it corrects may have been taken back since the check.
  if (batch.corrects !== null)
    await correctable(ctx, { publicId: batch.corrects, clientId: batch.clientId }, batch.dataset);
  const quota = dayQuotaOf(policy);
  // Its bytes were counted at the upload.
  const spent = { bytes: 0, records: batch.records };
  const { whole, done } = await committed(intake.store, async () => {
    const parts = await committedParts(intake, ctx, batch, clientPublicId, found);
    const change = { "/status": [batch.state, parts.state] };
    const audit = auditing(ctx)({ action: "batch.commit", subject: named("batch", batch.publicId), change, reason });
    return {
      ...parts,
      key: null,
      dedup: dedupOf(found, batch.contentHash ?? ""),
      quota: quota && { ...quota, bytes: null },
      spent,
      ...(audit && { audit }),
    };
  });
  switch (done.outcome) {
    case "stored":
      await announceNew(intake, ctx, done, whole);
      return done.batch;
    case "duplicate":
      throw new Problem("duplicate-batch", `Batch ${done.batch.publicId} has the same content.`, {
        batchId: done.batch.publicId,
      });
    case "overQuota":
      throw quotaExceeded(whole.quota as NonNullable<UploadCommit["quota"]>, done.usage, spent);
    default:
      return null;
  }
}

/** Throws unsupported-media-type, payload-too-large, too-many-records. */
function requireAllowed({ format, bytes, records }: BatchRow, { formats, maxBytes, maxRecords }: Policy): void {
  checkFormat(format, formats);
  if (bytes > maxBytes)
    throw new Problem("payload-too-large", `The body has ${bytes} bytes, ${maxBytes} are allowed.`, {
      limit: maxBytes,
    });
  if (records > maxRecords)
    throw new Problem("too-many-records", `The body has ${records} records, ${maxRecords} are allowed.`, {
      limit: maxRecords,
    });
}
