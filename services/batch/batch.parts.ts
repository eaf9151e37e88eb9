/** What the parts of the state machine share, and how they announce their writes. */

import type { ServiceBroker } from "moleculer";
import type { BatchStore } from "../../database/store.ts";
import type { TargetDatabases } from "../../database/targets/databases.ts";
import { Problem } from "../../lib/errors.ts";
import { Fields, type FieldValues } from "../../lib/log/fields.ts";
import { standingTold } from "../batches.ts";
import type { Decision, Policy } from "../policy/policy.contract.ts";
import type { BatchRow } from "./batch.domain.ts";
import type { Elsewhere } from "./batch.elsewhere.ts";
import type { BatchEvents } from "./batch.events.ts";
import type { BatchFigures, LateWrite } from "./batch.figures.ts";
import type { PinnedPolicies } from "./batch.pinned.ts";
import type { Written } from "./batch.writes.domain.ts";

/** The writes of a batch's state. Each is one unit with its conditions inside. */
export type StatePort = Pick<
  BatchStore,
  | "batch"
  | "claim"
  | "claimGroup"
  | "commitChunk"
  | "commitChunks"
  | "move"
  | "laneState"
  | "fronts"
  | "leaveLane"
  | "skipBatch"
  | "duplicatesOf"
  | "moves"
  | "attempts"
  | "childOf"
  | "listAudit"
>;

export interface BatchParts {
  store: StatePort;
  leaseMs: number;
  figures: BatchFigures;
  logger: ServiceBroker["logger"];
  pinned: PinnedPolicies;
  elsewhere: Elsewhere;
  broker: ServiceBroker;
  tables: TargetDatabases;
  events: BatchEvents;
  /** Wakes requests that wait on this node for a batch, and gives the events of all changes to the outbox together. */
  announce(...all: Written[]): void;
  /** Whether the batch may run now by the policy. Throws unavailable. */
  evaluate(policy: Policy, batch: BatchRow): Promise<Decision>;
  /** Runs in the background. If the batch has ended and its lane keeps an order, the next batch goes on. */
  follow(batch: BatchRow): void;
  /** Tells workers that a batch may be claimable. */
  wakeWorkers(): void;
}

/** Which batch is asked for. Without `clientId` an operator asks. */
export interface Which {
  publicId: string;
  clientId?: number | undefined;
}

/** Reads a batch. Throws not-found, also for an upload, because an upload is no batch before its commit. */
export async function foundBatch(store: Pick<BatchStore, "batch">, { publicId, clientId }: Which): Promise<BatchRow> {
  const batch = await store.batch(publicId, clientId ?? null);
  if (!batch || batch.state === "receiving") throw new Problem("not-found", "There is no such batch.");
  return batch;
}

/**
 * Counts a refused write if its worker has lost the batch. A commit is also refused if the one before it has failed; the batch
 * then still belongs to its worker. If the read fails, the owner is unknown, and nothing is counted.
 */
export async function refused({ store, figures }: BatchParts, batch: BatchRow, write: LateWrite): Promise<void> {
  const now = await store.batch(batch.publicId, null).catch(() => batch);
  if (now?.fence !== batch.fence) figures.lost(write, batch);
}

/** Logs a step of a run at level debug. It is called for each chunk, so it makes no logger of its own. */
export function stepTold(
  { logger }: Pick<BatchParts, "logger">,
  batch: BatchRow,
  step: string,
  told: FieldValues,
): void {
  const { publicId: batchId, requestId } = batch;
  logger.debug(step, new Fields({ batchId, requestId: requestId ?? undefined, ...told }));
}

/** Logs a committed chunk. */
export const chunkTold = (parts: Pick<BatchParts, "logger">, before: BatchRow, after: BatchRow): void =>
  stepTold(parts, after, "The chunk is committed.", {
    chunk: before.nextChunk,
    phase: before.phase,
    accepted: after.accepted - before.accepted,
    rejected: after.rejected - before.rejected,
    duplicate: after.duplicate - before.duplicate,
  });

/** Announces a write, and counts it if it has ended its batch. Null: nothing was written. */
export function announced(parts: BatchParts, written: Written | null): BatchRow | null {
  const { announce, follow } = parts;
  if (!written) return null;
  moved(parts, written.batch);
  announce(written);
  follow(written.batch);
  return written.batch;
}

/** Counts and logs a write that ended its batch or holds it. */
export function moved({ figures, logger }: Pick<BatchParts, "figures" | "logger">, batch: BatchRow): void {
  figures.moved(batch);
  standingTold(logger, batch);
}
