/**
 * The batches that requests of this node wait for. A batch is watched once, however many requests wait for it.
 *
 *   event: it ended ──────► read at once ─┐
 *   event: it progressed ─► read soon ────┼─► one query for all of them ─► the requests that wait for a changed batch
 *   every 2 s, all ───────────────────────┘
 *
 * Events only save time: one can be lost, and progress on other nodes sends none. The query every 2 s misses nothing.
 */
import type { BatchNews } from "../../batch/batch.contract.ts";
import type { BatchRow } from "../../batch/batch.domain.ts";
import type { CloudEvent } from "../../outbox/outbox.domain.ts";

/** What an event tells of its batch, for the waits of requests. */
export const newsOf = ({ subject: batchId, data }: CloudEvent, hasEnded: boolean): BatchNews => ({
  batchId,
  version: data.version as number,
  hasEnded,
});

/** How often all watched batches are read. A change without an event is noticed this late. */
const LOOK_EVERY_MS = 2_000;
/**
 * The shortest time between two reads of progress. Three reads a second leave room for the end, at four events a
 * second.
 */
export const PROGRESS_EVERY_MS = 334;
/** The most batches in one query, so that its parameter stays below a megabyte. */
const MOST_A_QUERY = 10_000;

type Seen = Pick<BatchRow, "publicId" | "version">;

export interface WatchesOptions {
  /** Answers the batches whose version has changed. */
  read(seen: Seen[]): Promise<BatchRow[]>;
  onFailure(error: unknown): void;
  lookEveryMs?: number;
}

/** A request that waits for a batch. */
export interface Waiting {
  changed(batch: BatchRow): void;
  /** Called when the node stops. The request is then answered with the batch as it is. */
  ended(): void;
}

interface Watch {
  batch: BatchRow;
  /** The newest version that an event named. That version is read already, or will be soon. */
  heard: number;
  readonly waiting: Set<Waiting>;
}

export class BatchWatches {
  private readonly options: WatchesOptions;
  private readonly watches = new Map<string, Watch>();
  /** The batches that the next read asks for. */
  private readonly wanted = new Set<Watch>();
  private reading: Promise<void> | null = null;
  private look: NodeJS.Timeout | null = null;
  private soon: NodeJS.Timeout | null = null;
  /** Whether the next read starts at once, without the pause of `soon`. */
  private isUrgent = false;
  private isEnded = false;

  constructor(options: WatchesOptions) {
    this.options = options;
  }

  /** The number of watched batches. */
  get size(): number {
    return this.watches.size;
  }

  /**
   * Tells `waiting` of every change since `batch`, but never before this call returns. The returned function ends the
   * wait.
   */
  join(batch: BatchRow, waiting: Waiting): () => void {
    if (this.isEnded) {
      queueMicrotask(() => waiting.ended());
      return () => {};
    }
    const watch = this.watches.get(batch.publicId) ?? this.begin(batch);
    watch.waiting.add(waiting);
    if (watch.batch.version < batch.version) this.tell(watch, batch);
    else if (watch.batch.version > batch.version)
      queueMicrotask(() => watch.waiting.has(waiting) && waiting.changed(watch.batch));
    return () => this.leave(watch, waiting);
  }

  private begin(batch: BatchRow): Watch {
    const watch: Watch = { batch, heard: batch.version, waiting: new Set() };
    this.watches.set(batch.publicId, watch);
    this.look ??= setInterval(() => this.lookAtAll(), this.options.lookEveryMs ?? LOOK_EVERY_MS);
    // The batch may have changed after it was read and before this watch began, so it is read again.
    this.wanted.add(watch);
    this.readNow();
    return watch;
  }

  private leave(watch: Watch, waiting: Waiting): void {
    watch.waiting.delete(waiting);
    const { publicId } = watch.batch;
    if (watch.waiting.size > 0 || this.watches.get(publicId) !== watch) return;
    this.watches.delete(publicId);
    this.wanted.delete(watch);
    if (this.watches.size === 0) this.rest();
  }

  private rest(): void {
    if (this.look) clearInterval(this.look);
    if (this.soon) clearTimeout(this.soon);
    this.look = null;
    this.soon = null;
  }

  /** Notices that an event has named a batch. Most events are about batches that nobody waits for. */
  news({ batchId, version, hasEnded }: BatchNews): void {
    const watch = this.watches.get(batchId);
    if (!watch || version <= watch.heard) return;
    watch.heard = version;
    this.wanted.add(watch);
    if (hasEnded) this.readNow();
    else this.soon ??= setTimeout(() => this.readNow(), PROGRESS_EVERY_MS);
  }

  private lookAtAll(): void {
    for (const watch of this.watches.values()) this.wanted.add(watch);
    this.readNow();
  }

  private readNow(): void {
    this.isUrgent = true;
    this.reading ??= this.readAll().finally(() => {
      this.reading = null;
      if (this.isUrgent && !this.isEnded) this.readNow();
    });
  }

  /**
   * Reads in the next turn of the event loop, so that events of the same moment share one query. After a failure the
   * next regular read finds all changes.
   */
  private async readAll(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.isUrgent = false;
    if (this.soon) clearTimeout(this.soon);
    this.soon = null;
    const wanted = [...this.wanted];
    this.wanted.clear();
    try {
      for (let at = 0; at < wanted.length; at += MOST_A_QUERY) await this.read(wanted.slice(at, at + MOST_A_QUERY));
    } catch (error) {
      this.options.onFailure(error);
    }
  }

  private async read(watches: Watch[]): Promise<void> {
    const rows = await this.options.read(watches.map(({ batch: { publicId, version } }) => ({ publicId, version })));
    for (const row of rows) {
      const watch = this.watches.get(row.publicId);
      if (watch && watch.batch.version < row.version) this.tell(watch, row);
    }
  }

  private tell(watch: Watch, batch: BatchRow): void {
    watch.batch = batch;
    watch.heard = Math.max(watch.heard, batch.version);
    for (const waiting of [...watch.waiting]) waiting.changed(batch);
  }

  /** Ends all waits, and accepts no new ones. */
  end(): void {
    this.isEnded = true;
    for (const { waiting } of [...this.watches.values()]) for (const one of [...waiting]) one.ended();
  }
}
