/**
 * The batches: the only writer of their tables, outbox and delivery rows included, and the only one that changes a batch's state.
 * The api gives it bodies and asks for batches; workers claim through it and commit each chunk; every write is one unit
 * with its conditions inside (state, fence, next chunk), so a late or repeated call writes nothing. While its database
 * is away every call is refused with `unavailable`, and nothing is accepted that is not stored.
 */
import type { Service } from "moleculer";
import { configOf } from "../../config.ts";
import type { BatchRow, Due, OutboxDraft, Written } from "../../database/store.ts";
import { clockMixin, type WithClock } from "../../mixins/clock.ts";
import { databaseMixin, type WithDatabase } from "../../mixins/database.ts";
import { define } from "../../mixins/define.ts";
import { scheduleMixin, type WithSchedule } from "../../mixins/schedule.ts";
import { announceBatch } from "../announce.ts";
import { Problem } from "../errors.ts";
import { call, serve } from "../messages.ts";
import { type CloudEvent, forWebhook } from "../outbox/outbox.contract.ts";
import { BATCH_WRITTEN, type BatchNews, isFinal } from "./batch.contract.ts";
import { BatchEvents } from "./batch.events.ts";
import { BatchFigures } from "./batch.figures.ts";
import { approveMove, cancelMove, endSnoozeMove, redriveMove, rejectMove } from "./batch.moves.ts";
import { PinnedPolicies } from "./batch.pinned.ts";
import { settle } from "./batch.settle.ts";
import { retentionDue } from "./batch.states.ts";
import { Sweeper } from "./batch.sweep.ts";
import { claim, commitChunk } from "./batch.work.ts";

export type BatchService = Service &
  WithDatabase &
  WithSchedule &
  WithClock & {
    events: BatchEvents;
    figures: BatchFigures;
    pinned: PinnedPolicies;
    sweeper: Sweeper;
    wakeRetention(): void;
    leaseMs: number;
    found(params: { publicId: string; clientId?: number | undefined }): Promise<BatchRow>;
    published(written: Written | null): BatchRow | null;
    tell(batch: BatchRow): void;
    retentionOf(batch: BatchRow): Promise<Due>;
    completedEvent(after: BatchRow): Promise<OutboxDraft[]>;
    readyEvent(before: BatchRow): Promise<OutboxDraft[]>;
    wake(): void;
    drain(): Promise<void>;
  };

/** Of a page of errors or records. A reader that stops holds one page in memory. */
const MOST_READ_BYTES = 256 * 1024;

export default define<BatchService>({
  name: "batch",
  mixins: [databaseMixin, scheduleMixin, clockMixin],

  created() {
    const config = configOf(this.broker);
    this.events = new BatchEvents(config.namespace);
    this.figures = new BatchFigures(this.broker);
    this.pinned = new PinnedPolicies(this.broker);
    this.leaseMs = config.batchLeaseMs;
  },

  actions: serve<BatchService, "batch">("batch", {
    get(ctx) {
      return this.found(ctx.params);
    },
    list(ctx) {
      return this.database.store.list(ctx.params);
    },
    changed(ctx) {
      return this.database.store.changed(ctx.params.seen);
    },
    errors(ctx) {
      const { id, after, limit } = ctx.params;
      return this.database.store.errors(id, after, limit, MOST_READ_BYTES);
    },
    attempts(ctx) {
      return this.database.store.attempts(ctx.params.ids, ctx.params.last);
    },
    records(ctx) {
      const { id, after, limit } = ctx.params;
      return this.database.store.records(id, after, limit, MOST_READ_BYTES);
    },

    cancel(ctx) {
      return cancelMove(this, ctx.params);
    },
    approve(ctx) {
      return approveMove(this, ctx.params);
    },
    reject(ctx) {
      return rejectMove(this, ctx.params);
    },
    redrive(ctx) {
      return redriveMove(this, ctx.params);
    },

    retry(ctx) {
      return redriveMove(this, ctx.params);
    },

    candidates(ctx) {
      return this.database.store.candidates(ctx.params.limit);
    },
    claim(ctx) {
      return claim(this, ctx.params);
    },
    chunk(ctx) {
      return this.database.store.readChunk(ctx.params.id, ctx.params.no);
    },
    commitChunk(ctx) {
      return commitChunk(this, ctx.params);
    },
    reserveKeys(ctx) {
      const { batch, keys } = ctx.params;
      return this.database.store.reserveKeys(batch.id, batch.fence, batch.nextChunk, keys);
    },
    extendLeases(ctx) {
      return this.database.store.extendLeases(ctx.params.owner, ctx.params.ids, this.leaseMs);
    },
    isOvertaken(ctx) {
      return this.database.store.isOvertaken(ctx.params.clientId);
    },
    settle(ctx) {
      return settle(this, ctx.params.batch, ctx.params.outcome);
    },
    endSnooze(ctx) {
      return endSnoozeMove(this, ctx.params.batch);
    },

    async configureQueue(ctx) {
      await this.database.store.setQueue(ctx.params.clientId, ctx.params.cap, ctx.params.weight);
      this.wake();
    },

    async stats() {
      const [{ oldestEvent, ...stats }, now] = await Promise.all([this.database.store.stats(), this.database.now()]);
      const oldestEventAt = oldestEvent === null ? null : Date.parse((JSON.parse(oldestEvent) as CloudEvent).time);
      return { ...stats, oldestEventAt, now };
    },
    async ping() {
      const began = performance.now();
      await this.database.ping(this.broker.nodeID);
      return performance.now() - began;
    },
  }),

  methods: {
    /** Throws not-found, also for an upload: it is no batch before its commit. */
    async found(this: BatchService, { publicId, clientId }: { publicId: string; clientId?: number }) {
      const batch = await this.database.store.batch(publicId, clientId ?? null);
      if (!batch || batch.state === "receiving") throw new Problem("not-found", "There is no such batch.");
      return batch;
    },

    /** Its events are on their way. */
    published(this: BatchService, written: Written | null) {
      if (!written) return null;
      this.figures.moved(written.batch);
      announceBatch(this.broker, written);
      return written.batch;
    },

    /** News for who waits on this node; there may be nobody. */
    tell(this: BatchService, { publicId: batchId, version, state }: BatchRow) {
      this.broker.localBus.emit(BATCH_WRITTEN, { batchId, version, hasEnded: isFinal(state) } satisfies BatchNews);
    },

    /** When a batch that ended goes; one whose body is still to be deleted is due for that at once. */
    async retentionOf(this: BatchService, batch: BatchRow) {
      return retentionDue((await this.pinned.of(batch)).policy);
    },
    async completedEvent(this: BatchService, after: BatchRow) {
      const { policy, clientPublicId } = await this.pinned.of(after);
      return forWebhook(this.events.completed(after, clientPublicId), policy);
    },
    async readyEvent(this: BatchService, before: BatchRow) {
      const { policy, clientPublicId } = await this.pinned.of(before);
      return forWebhook(this.events.ready(before, clientPublicId), policy);
    },
    wake(this: BatchService) {
      call(this.broker, "outbox.wake", {}).catch((error: unknown) => this.logger.debug("No wake-up:", error));
    },
    /** Where this is lost, its own rhythm serves. */
    wakeRetention(this: BatchService) {
      call(this.broker, "retention.wake", {}).catch((error: unknown) => this.logger.debug("No wake-up:", error));
    },
    async drain(this: BatchService) {
      // A stop can meet the start.
      if (!this.sweeper) return;
      this.sweeper.end();
      await this.endSchedules();
    },
  },

  async started() {
    const config = configOf(this.broker);
    if (this.database.isEmbedded) {
      await this.database.store.voidLeases();
    }
    this.sweeper = new Sweeper(this);
    // While this node starts, what a sweep asks its own partners would go to another node, and wait for that one's answer.
    const sweepOnceStarted = async () => this.broker.started && this.sweeper.run();
    const sweep = this.schedule("The sweep", config.sweepIntervalMs, sweepOnceStarted, 0.2);
    this.schedule("Folding counts", config.sweepIntervalMs, () => this.database.store.foldCounts(), 0.2);
    this.broker.localBus.once("$broker.started", sweep);
  },
});
