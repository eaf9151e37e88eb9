/** What every new batch begins with, whether a client sends its records or the rejected ones of another are sent again. */
import type { Context } from "moleculer";
import type { NewBatch, UploadCommit } from "../../database/store.ts";
import { usualGrowthOf } from "../../formats/record-growth.ts";
import { createSplitter, type SplitOptions } from "../../formats/split.ts";
import { isProblem } from "../errors.ts";
import { uuidv7 } from "../ids.ts";
import { call, type ParamsOf } from "../messages.ts";
import type { Policy, PolicyVersion } from "../policy/policy.contract.ts";
import { forWebhook } from "./batch.deliveries.ts";
import type { BatchService } from "./batch.service.ts";
import type { Taken, Upload } from "./batch.upload.ts";

/** A chunk is the unit of storage, of commit and of a handler call: as large as one commit of some 10 ms takes. */
const CHUNK_BYTES = 1024 * 1024;
/** A decision that failed is tried again so much later. */
const EVALUATE_AGAIN_MS = 5_000;

type Asked = Pick<NewBatch, "clientId" | "format" | "requestId">;

/** What the client's policy makes of an upload's plan. Throws unsupported-media-type. */
export function startOf(
  service: BatchService,
  asked: Asked,
  { version, policy }: PolicyVersion,
  options: SplitOptions,
) {
  const { clientId, format, requestId } = asked;
  const { chunkRecords, maxRecords, maxRecordBytes, maxBytes, schema } = policy;
  const recordGrowth = usualGrowthOf(schema);
  const limits = { chunkRecords, chunkBytes: CHUNK_BYTES, maxRecords, maxRecordBytes, recordGrowth };
  return {
    batch: { publicId: uuidv7(), clientId, policyVersion: version, format, requestId },
    splitter: createSplitter(format, limits, options),
    maxBytes,
    leaseMs: service.leaseMs,
    onBegun: (id: number) => service.uploads.keep(id),
    inTurn: <T>(work: () => T) => service.uploads.turns.run(clientId, work),
  };
}

/** What the commit of a body that was taken in says of its batch: where it stands, its place in the queue, its events. */
export async function startedOf(
  service: BatchService,
  via: Pick<Context, "call">,
  { upload }: Taken,
  clientPublicId: string,
  policy: Policy,
) {
  const { bytes, records } = upload.totals;
  const { publicId, clientId, format } = upload.batch;
  const decided = await decide(via, { clientId, format, bytes, records });
  const version = upload.id === null ? 1 : 2;
  return {
    ...upload,
    ...decided,
    phase: policy.onInvalid === "rejectBatch" ? "validate" : "deliver",
    queue: { cap: policy.maxConcurrentBatches, weight: policy.weight },
    events: forWebhook(service.events.created(publicId, clientPublicId, decided.state, version), policy),
  } satisfies Partial<UploadCommit>;
}

/** Takes back what became no batch. A database that is away leaves it to the sweep, and hides no first error. */
export async function takeBack(service: BatchService, upload: Upload): Promise<void> {
  if (await upload.undo().catch(() => false)) service.uploads.wipe(upload.rowId as number);
}

type Decided = Pick<UploadCommit, "state" | "due" | "reason">;

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
