import type { Removal } from "../../database/store.ts";
import { Problem } from "../../lib/errors.ts";
import type { RunningPort } from "./imports.ports.ts";
import { Turns } from "./imports.turns.ts";

/** What one unit of a removal deletes: a few ms, so that others get their turn between two. A chunk has up to 1 MiB. */
const CHUNKS_AT_ONCE = 20;
const ROWS_AT_ONCE = 10_000;

/** The uploads that run on this node: how many each client has, and which rows they keep alive. */
export class RunningUploads {
  /** The turns in which their bodies are read. */
  readonly turns = new Turns();
  private readonly store: RunningPort;
  private readonly leaseMs: number;
  private readonly perClient = new Map<number, number>();
  private readonly rows = new Set<number>();
  private readonly wipes = new Set<Promise<void>>();
  private readonly stops = new Set<AbortController>();
  private onEmpty = () => {};

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

  private leave(clientId: number): void {
    const left = (this.perClient.get(clientId) ?? 1) - 1;
    if (left > 0) this.perClient.set(clientId, left);
    else this.perClient.delete(clientId);
    if (this.perClient.size === 0) this.onEmpty();
  }

  /** Lets `refuse` end this upload while it runs. The returned function ends that. */
  stoppable(stop: AbortController): () => void {
    this.stops.add(stop);
    return () => this.stops.delete(stop);
  }

  keep(id: number): void {
    this.rows.add(id);
  }

  drop(id: number | null): void {
    if (id !== null) this.rows.delete(id);
  }

  /** Prolongs the lease of every upload here, also of one whose client is slow. */
  async touch(): Promise<void> {
    if (this.rows.size > 0) await this.store.touchUploads([...this.rows], this.leaseMs);
  }

  /** Removes an upload that was taken back, in the background; `retention` does it where this fails. */
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

  /** Ends all running uploads. Their clients get the answer that the node stops. */
  refuse(): void {
    const stopping = "This node is stopping. Send it again.";
    for (const stop of this.stops)
      stop.abort(new Problem("unavailable", stopping, { headers: { "Retry-After": "1" } }));
  }
}

/** Deletes a batch with all its rows, piece by piece. A batch that another node is deleting is left to that node. */
export async function deleteWhole(store: RunningPort, id: number): Promise<void> {
  let last: Removal = "more";
  while (last === "more") last = await store.purgeChunks(id, CHUNKS_AT_ONCE, { inMs: 0 });
  if (last === "done") last = "more";
  while (last === "more") last = await store.deleteBatch(id, ROWS_AT_ONCE);
}
