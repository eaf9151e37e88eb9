/**
 * The feed finds out what has changed, for all event streams of this node together. While there are streams, the feed
 * looks once a second, however many streams there are. A look is one set of figures, one query for all batches that may
 * have changed, and, if there may be news of deliveries, one list of them. While nothing happens, the looks cost less
 * than one query a second.
 *
 * The feed learns of batches by events of this and other nodes (made, ready, held, ended). It also looks for batches
 * that have changed without an event. So a change on another node usually shows within about a second.
 */
import type { BatchNews } from "../../batch/batch.contract.ts";
import { type BatchRow, isFinal } from "../../batch/batch.domain.ts";
import type { SystemStats } from "../../monitor/monitor.contract.ts";
import type { DeliveryRow } from "../../webhook/webhook.domain.ts";
import { DeliveryNews } from "./feed.deliveries.ts";
import { HealthNews, healthOf, withoutDatabase } from "./feed.health.ts";
import { BatchSigns } from "./feed.moves.ts";
import { type FeedEvent, missed } from "./feed.stream.ts";

const LOOK_EVERY_MS = 1_000;
/** The most batches that one look reads. The next look reads the others. */
const MOST_BATCHES = 500;
/** The most batches that the feed remembers until they end. */
const MOST_LIVE = 2_000;

export interface Topics {
  stats: boolean;
  /** Whether the stream tells of all batches: those of its client, or for an operator those of all clients. */
  batches: boolean;
  deliveries: boolean;
  /** The public ids of batches that the stream names. */
  ids: ReadonlySet<string>;
}

/** An event stream that listens to the feed. */
export interface Listener {
  topics: Topics;
  /** The client whose stream this is. Null if the stream is an operator's. */
  clientId: number | null;
  tell(event: FeedEvent): void;
  end(): void;
}

export interface FeedSource {
  stats(): Promise<SystemStats>;
  /** Answers the batches whose version has changed, by one query. */
  changed(seen: { publicId: string; version: number }[]): Promise<BatchRow[]>;
  /** Answers the batches that have not ended, newest first. */
  live(): Promise<BatchRow[]>;
  /** Answers the newest deliveries. */
  deliveries(): Promise<DeliveryRow[]>;
  showBatch(batch: BatchRow, isForOperator: boolean): Promise<object>;
  showDelivery(row: DeliveryRow, isForOperator: boolean): Promise<object>;
  onFailure(error: unknown): void;
}

export class Feed {
  private readonly source: FeedSource;
  private readonly everyMs: number;
  private readonly listeners = new Set<Listener>();
  /** The last known version of each batch that a stream asks for. -1 if the batch was never read. */
  private readonly seen = new Map<string, number>();
  private readonly wanted = new Set<string>();
  private readonly deliveries = new DeliveryNews();
  private readonly health = new HealthNews();
  private readonly signs = new BatchSigns();
  private isLiveKnown = false;
  private timer: NodeJS.Timeout | null = null;
  private looking: Promise<void> | null = null;
  private isEnded = false;

  constructor(source: FeedSource, everyMs = LOOK_EVERY_MS) {
    this.source = source;
    this.everyMs = everyMs;
  }

  get size(): number {
    return this.listeners.size;
  }

  /** Adds a listener. The returned function removes it. */
  join(listener: Listener): () => void {
    if (this.isEnded) {
      queueMicrotask(() => listener.end());
      return () => {};
    }
    this.listeners.add(listener);
    // A new reader gets the present state of the batches that it names, so their known versions are forgotten.
    for (const id of listener.topics.ids) this.seen.delete(id);
    if (!this.timer && !this.looking) void this.look();
    return () => this.leave(listener);
  }

  /** Notices that an event has named a batch. */
  news({ batchId }: BatchNews): void {
    // The end of a batch makes deliveries, so the next look lists deliveries.
    this.deliveries.expect();
    if (!this.some(({ batches, ids }) => batches || ids.has(batchId))) return;
    this.wanted.add(batchId);
  }

  /** Ends all streams, and accepts no new ones. */
  end(): void {
    this.isEnded = true;
    for (const listener of [...this.listeners]) listener.end();
    this.rest();
  }

  private leave(listener: Listener): void {
    this.listeners.delete(listener);
    if (this.listeners.size === 0) this.rest();
  }

  private rest(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.seen.clear();
    this.wanted.clear();
    this.deliveries.reset();
    this.health.reset();
    this.signs.reset();
    this.isLiveKnown = false;
  }

  private some(wants: (topics: Topics) => boolean): boolean {
    for (const { topics } of this.listeners) if (wants(topics)) return true;
    return false;
  }

  private look(): Promise<void> {
    this.timer = null;
    this.looking ??= this.lookAtAll().finally(() => {
      this.looking = null;
      if (this.listeners.size > 0 && !this.isEnded) this.timer = setTimeout(() => this.look(), this.everyMs);
    });
    return this.looking;
  }

  /** Looks at figures, batches and deliveries. A part that fails is looked at again a second later. */
  private async lookAtAll(): Promise<void> {
    const parts = [() => this.lookAtStats(), () => this.lookAtBatches(), () => this.lookAtDeliveries()];
    await Promise.all(parts.map((part) => part().catch((error) => this.source.onFailure(error))));
  }

  private async lookAtStats(): Promise<void> {
    if (!this.some(({ stats }) => stats)) return;
    try {
      const stats = await this.source.stats();
      this.noticeHealth(healthOf(stats));
      this.deliveries.notice(stats.deliveries);
      this.signs.notice(stats.batches);
      const data = JSON.stringify(stats);
      this.tell({ event: "stats", key: "stats", data }, ({ topics }) => topics.stats);
    } catch (error) {
      this.noticeHealth(withoutDatabase(this.health.known));
      throw error;
    }
  }

  private noticeHealth(now: ReadonlyMap<string, string>): void {
    for (const { about, ...change } of this.health.changes(now))
      this.tell({ event: "notice", key: about, data: JSON.stringify(change) }, ({ topics }) => topics.stats);
  }

  private async lookAtBatches(): Promise<void> {
    const ids = new Set<string>([...this.listeners].flatMap(({ topics }) => [...topics.ids]));
    const isAll = this.some(({ batches }) => batches);
    if (!isAll && ids.size === 0) return;
    if (isAll && !this.isLiveKnown) {
      for (const batch of await this.source.live()) this.seen.set(batch.publicId, batch.version);
      this.isLiveKnown = true;
    }
    // Without figures no sign tells that batches have moved, so the batches are read at each look.
    const isBlind = ids.size > 0 || !this.some(({ stats }) => stats);
    if (!isBlind && this.wanted.size === 0 && !this.signs.isLookDue()) return;
    // Batches that streams and events have named come first, because a look reads only MOST_BATCHES batches.
    const all = [...new Set([...ids, ...this.wanted, ...this.seen.keys()])].slice(0, MOST_BATCHES);
    if (all.length === 0) return;
    for (const id of all) this.wanted.delete(id);
    try {
      const changed = await this.source.changed(
        all.map((publicId) => ({ publicId, version: this.seen.get(publicId) ?? -1 })),
      );
      for (const id of all) this.again(id, ids);
      for (const batch of changed) await this.changed(batch, ids);
    } catch (error) {
      for (const id of all) this.wanted.add(id);
      throw error;
    }
  }

  /** Puts a batch of this look last in the order of the next look. */
  private again(id: string, ids: ReadonlySet<string>): void {
    const version = this.seen.get(id);
    if (version === undefined || ids.has(id)) return;
    this.seen.delete(id);
    this.seen.set(id, version);
  }

  private async changed(batch: BatchRow, ids: ReadonlySet<string>): Promise<void> {
    const { publicId, version, clientId, state } = batch;
    if (state === "receiving" || this.isEnded) return;
    if (isFinal(state) && !ids.has(publicId)) this.seen.delete(publicId);
    else if (this.seen.has(publicId) || this.seen.size < MOST_LIVE) this.seen.set(publicId, version);
    const isFor = ({ topics, clientId: own }: Listener) =>
      (own === null || own === clientId) && (topics.batches || topics.ids.has(publicId));
    await this.show("batch", publicId, isFor, (isForOperator) => this.source.showBatch(batch, isForOperator));
  }

  private async lookAtDeliveries(): Promise<void> {
    if (!this.some(({ deliveries }) => deliveries)) return;
    if (!this.deliveries.isLookDue(this.some(({ stats }) => stats))) return;
    const rows = await this.source.deliveries().catch((error) => {
      this.deliveries.expect();
      throw error;
    });
    for (const row of this.deliveries.changed(rows)) {
      const isFor = ({ topics, clientId }: Listener) =>
        topics.deliveries && (clientId === null || clientId === row.clientId);
      await this.show("delivery", row.publicId, isFor, (isForOperator) => this.source.showDelivery(row, isForOperator));
    }
    if (!this.deliveries.isMissing) return;
    this.tell(missed(), ({ topics }) => topics.deliveries);
  }

  /** Tells the streams of a change. Each view is made once, and only if a stream shows it. */
  private async show(
    event: FeedEvent["event"],
    key: string,
    isFor: (listener: Listener) => boolean,
    view: (isForOperator: boolean) => Promise<object>,
  ): Promise<void> {
    for (const isForOperator of [true, false]) {
      const isOne = (listener: Listener) => (listener.clientId === null) === isForOperator && isFor(listener);
      if (![...this.listeners].some(isOne)) continue;
      this.tell({ event, key, data: JSON.stringify(await view(isForOperator)) }, isOne);
    }
  }

  private tell(event: FeedEvent, isFor: (listener: Listener) => boolean): void {
    for (const listener of this.listeners) if (isFor(listener)) listener.tell(event);
  }
}
