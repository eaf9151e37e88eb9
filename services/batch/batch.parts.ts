/** What the parts of the state machine share, and how they announce their writes. */
import type { BatchRow, BatchStore, Written } from "../../database/store.ts";
import { Problem } from "../../lib/errors.ts";
import type { BatchEvents } from "./batch.events.ts";
import type { BatchFigures } from "./batch.figures.ts";
import type { PinnedPolicies } from "./batch.pinned.ts";

/** The writes of a batch's state. Each is one unit with its conditions inside. */
export type StatePort = Pick<BatchStore, "batch" | "claim" | "claimGroup" | "commitChunk" | "commitChunks" | "move">;

export interface BatchParts {
  store: StatePort;
  leaseMs: number;
  figures: BatchFigures;
  pinned: PinnedPolicies;
  events: BatchEvents;
  /** Tells who waits on this node, and hands the events of all to the outbox together. */
  announce(...all: Written[]): void;
  /** Something may be claimable. */
  wakeWorkers(): void;
}

/** Which batch. Without `clientId` an operator asks. */
export interface Which {
  publicId: string;
  clientId?: number | undefined;
}

/** Throws not-found, also for an upload: it is no batch before its commit. */
export async function foundBatch(store: Pick<BatchStore, "batch">, { publicId, clientId }: Which): Promise<BatchRow> {
  const batch = await store.batch(publicId, clientId ?? null);
  if (!batch || batch.state === "receiving") throw new Problem("not-found", "There is no such batch.");
  return batch;
}

/** Counts a write where it ended its batch, and announces it. Null: nothing was written. */
export function announced({ figures, announce }: BatchParts, written: Written | null): BatchRow | null {
  if (!written) return null;
  figures.moved(written.batch);
  announce(written);
  return written.batch;
}
