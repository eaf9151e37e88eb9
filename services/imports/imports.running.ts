/** The uploads that run on this node, and what they need from the database. */
import type { BatchStore } from "../../database/store.ts";
import type { UploadStore } from "../../database/store.uploads.ts";
import { Problem } from "../../lib/errors.ts";
import type { Removal } from "../batch/batch.reads.domain.ts";
import type { Written } from "../batch/batch.writes.domain.ts";
import { Turns } from "./imports.turns.ts";
import { Windows } from "./imports.windows.ts";

/** What the database must do for running uploads (leases) and for voided ones (deletion). */
export type RunningPort = Pick<BatchStore, "touchUploads" | "purgeChunks" | "deleteBatch">;

/**
 * How many rows one unit of a removal deletes. A unit takes a few ms, so other work gets its turn in between. A chunk has up to
 * 1 MiB.
 */
const CHUNKS_AT_ONCE = 20;
const ROWS_AT_ONCE = 10_000;

/** The running uploads of this node: how many each client has, and the rows whose leases they renew. */
export class RunningUploads {
  /** The turns in which the bodies are read. */
  readonly turns = new Turns();
  readonly windows = new Windows();
  /** Decoded bytes of bodies that this node has read. */
  bytes = 0;
  private readonly store: RunningPort;
  private readonly leaseMs: number;
  private readonly perClient = new Map<number, number>();
  private readonly rows = new Set<number>();
  private readonly wipes = new Set<Promise<void>>();
  private readonly stops = new Set<AbortController>();
  private onEmpty = () => {};
  /** Why the node takes no uploads any more. */
  private refusal: Problem | null = null;

  constructor(store: RunningPort, leaseMs: number) {
    this.store = store;
    this.leaseMs = leaseMs;
  }

  /** Takes one of the client's places. The returned function gives it back. Throws too-many-uploads. */
  enter(clientId: number, limit: number): () => void {
    const running = this.perClient.get(clientId) ?? 0;
    if (running >= limit)
      throw new Problem("too-many-uploads", `${limit} uploads of this client run at once.`, {
        limit,
        headers: { "Retry-After": "1" },
      });
    this.perClient.set(clientId, running + 1);
    return () => this.leave(clientId);
  }

  /** How many of the client's places are taken. */
  runningOf(clientId: number): number {
    return this.perClient.get(clientId) ?? 0;
  }

  /** The number of running uploads of all clients. */
  get running(): number {
    return [...this.perClient.values()].reduce((sum, running) => sum + running, 0);
  }

  private leave(clientId: number): void {
    const left = (this.perClient.get(clientId) ?? 1) - 1;
    if (left > 0) this.perClient.set(clientId, left);
    else this.perClient.delete(clientId);
    if (this.perClient.size === 0) this.onEmpty();
  }

  /** Lets `refuse` end this upload while it runs. Call the returned function when it is over. */
  stoppable(stop: AbortController): () => void {
    this.stops.add(stop);
    if (this.refusal) stop.abort(this.refusal);
    return () => this.stops.delete(stop);
  }

  keep(id: number): void {
    this.rows.add(id);
  }

  drop(id: number | null): void {
    if (id !== null) this.rows.delete(id);
  }

  /** Renews the lease of every upload of this node, also if its client is slow. */
  async touch(): Promise<void> {
    if (this.rows.size > 0) await this.store.touchUploads([...this.rows], this.leaseMs);
  }

  /** Deletes a voided upload in the background. If this fails, `retention` does it. */
  wipe(id: number): void {
    const wipe: Promise<void> = deleteWhole(this.store, id)
      .catch(() => {})
      .finally(() => this.wipes.delete(wipe));
    this.wipes.add(wipe);
  }

  /** Waits until no upload runs and none is being deleted. */
  async end(): Promise<void> {
    if (this.perClient.size > 0)
      await new Promise<void>((resolve) => {
        this.onEmpty = resolve;
      });
    await Promise.all(this.wipes);
  }

  /** Ends all running uploads, and those that had come and begin later. Their clients get the answer that the node stops. */
  refuse(): void {
    const stopping = "This node is stopping. Send it again.";
    this.refusal = new Problem("unavailable", stopping, { headers: { "Retry-After": "1" } });
    for (const stop of this.stops) stop.abort(this.refusal);
  }
}

/** Deletes a batch with all its rows, piece by piece. A batch that another node is deleting is left to that node. */
export async function deleteWhole(store: RunningPort, id: number): Promise<void> {
  let last: Removal = "more";
  while (last === "more") last = await store.purgeChunks(id, CHUNKS_AT_ONCE, { inMs: 0 });
  if (last === "done") last = "more";
  while (last === "more") last = await store.deleteBatch(id, ROWS_AT_ONCE);
}

/** An upload, from its first chunk to the commit that makes it a batch. */
export type UploadPort = Omit<UploadStore, "forgetExpiredKeys" | "touchUploads">;

/** What a retry reads from the database about the batch whose rejected records it sends again. */
export type RejectedPort = Pick<BatchStore, "childOf" | "errors">;

/** What an upload needs from its node. */
export interface Intake {
  store: UploadPort & RejectedPort & Pick<BatchStore, "errorsOf" | "laneState" | "readChunk" | "takenKeys">;
  uploads: RunningUploads;
  leaseMs: number;
  /** The node's id in the `source` of events. */
  namespace: string;
  /** Whether operators get alerts of batches that wait for them. */
  hasAlerts: boolean;
  /** Announces a new batch. */
  announce(written: Written): void;
}
