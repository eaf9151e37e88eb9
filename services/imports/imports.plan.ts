/** How every new batch begins: an upload, or a retry of rejected records. */

import type { Context } from "moleculer";
import type { NewBatch, UploadCommit } from "../../database/store.ts";
import { usualGrowthOf } from "../../formats/check/record-growth.ts";
import { createSplitter, type SplitOptions } from "../../formats/split/split.ts";
import { nullIfLater } from "../../lib/errors.ts";
import { actors } from "../actors.ts";
import { standingAfter } from "../batches.ts";
import { uuidv7 } from "../ids.ts";
import type { Policy, PolicyVersion } from "../policy/policy.contract.ts";
import { newBatchEvents } from "./imports.events.ts";
import type { Intake } from "./imports.intake.ts";
import type { ReceivedBody, Upload } from "./imports.upload.ts";

/** A chunk is the unit of storage, of commit and of a handler call: as large as one commit of some 10 ms takes. */
const CHUNK_BYTES = 1024 * 1024;

type Asked = Pick<NewBatch, "clientId" | "format" | "requestId">;

/** The plan of an upload, by the client's policy. Throws unsupported-media-type. */
export function planFor(intake: Intake, asked: Asked, { version, policy }: PolicyVersion, options: SplitOptions) {
  const { clientId, format, requestId } = asked;
  const { chunkRecords, maxRecords, maxRecordBytes, maxBytes, schema } = policy;
  const recordGrowth = usualGrowthOf(schema);
  const limits = { chunkRecords, chunkBytes: CHUNK_BYTES, maxRecords, maxRecordBytes, recordGrowth };
  return {
    batch: { publicId: uuidv7(), clientId, policyVersion: version, format, requestId },
    splitter: createSplitter(format, limits, options),
    maxBytes,
    leaseMs: intake.leaseMs,
    onBegun: (id: number) => intake.uploads.keep(id),
    inTurn: <T>(work: () => T) => intake.uploads.turns.run(clientId, work),
  };
}

/** What the commit of a body that was taken in says of its batch: where it stands, its place in the queue, its events. */
export async function commitPartsOf(
  { namespace }: Intake,
  via: Pick<Context, "call">,
  { upload }: ReceivedBody,
  clientPublicId: string,
  policy: Policy,
) {
  const { bytes, records } = upload.totals;
  const { publicId: batchId, format } = upload.batch;
  // If the policy cannot be asked, the batch waits; it is not refused.
  const decision = await actors.policy.evaluate(via, { policy, format, bytes, records }).catch(nullIfLater);
  const standing = standingAfter(decision);
  const version = upload.id === null ? 1 : 2;
  return {
    ...upload,
    ...standing,
    phase: policy.onInvalid === "rejectBatch" ? "validate" : "deliver",
    queue: { cap: policy.maxConcurrentBatches, weight: policy.weight },
    events: newBatchEvents(namespace, { batchId, clientId: clientPublicId, state: standing.state, version }, policy),
  } satisfies Partial<UploadCommit>;
}

/** Deletes an upload that became no batch. If the database is away, the sweep does it, and the first error is kept. */
export async function takeBack({ uploads }: Intake, upload: Upload): Promise<void> {
  if (await upload.undo().catch(() => false)) uploads.wipe(upload.rowId as number);
}
