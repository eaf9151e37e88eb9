/**
 * The batches: the state machine, and who is asked for them. From the commit of its upload on, a batch changes its state here
 * alone: workers claim, commit and settle through it, operators and partners move it, and its sweep moves on what no message
 * looks after. Every write is one unit with its conditions inside (state, fence, next chunk), so a late or repeated call
 * writes nothing. While its database is away every call is refused with `unavailable`.
 */

import { configOf } from "../../config/config.ts";
import { clockMixin } from "../../mixins/clock.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { actors } from "../actors.ts";
import { announceBatches } from "../announce.ts";
import { defineActor } from "../define.ts";
import type { CloudEvent } from "../outbox/outbox.contract.ts";
import { BatchEvents } from "./batch.events.ts";
import { BatchFigures } from "./batch.figures.ts";
import { claimGroup, commitChunks } from "./batch.group.ts";
import { approveMove, cancelMove, endSnoozeMove, redriveMove, rejectMove } from "./batch.moves.ts";
import { type BatchParts, foundBatch } from "./batch.parts.ts";
import { PinnedPolicies } from "./batch.pinned.ts";
import { settle } from "./batch.settle.ts";
import { Sweeper } from "./batch.sweep.ts";
import { claim, commitChunk } from "./batch.work.ts";

interface State {
  figures: BatchFigures;
  parts: BatchParts;
  sweeper: Sweeper;
}

/** The size of a page of errors or records. A reader that stops keeps one page in memory. */
const MOST_READ_BYTES = 256 * 1024;

export default defineActor({
  name: "batch",
  mixins: [databaseMixin, scheduleMixin, clockMixin],
  state: fields<State>(),

  created() {
    this.figures = new BatchFigures(this.broker);
  },

  methods: {
    wakeWorkers() {
      actors.outbox.wake(this.broker, {}).catch((error: unknown) => this.logger.debug("No wake-up:", error));
    },
    async drain() {
      // A stop can come before the start has finished.
      if (!this.sweeper) return;
      this.sweeper.end();
      await this.endSchedules();
    },
  },

  actions: {
    get(ctx) {
      return foundBatch(this.database.store, ctx.params);
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
      return cancelMove(this.parts, ctx.params);
    },
    approve(ctx) {
      return approveMove(this.parts, ctx.params);
    },
    reject(ctx) {
      return rejectMove(this.parts, ctx.params);
    },
    redrive(ctx) {
      return redriveMove(this.parts, ctx.params);
    },

    retry(ctx) {
      return redriveMove(this.parts, ctx.params);
    },

    claim(ctx) {
      return claim(this.parts, ctx.params);
    },
    claimGroup(ctx) {
      return claimGroup(this.parts, ctx.params);
    },
    commitChunk(ctx) {
      return commitChunk(this.parts, ctx.params);
    },
    commitChunks(ctx) {
      return commitChunks(this.parts, ctx.params);
    },
    settle(ctx) {
      return settle(this.parts, ctx.params.batch, ctx.params.outcome);
    },
    endSnooze(ctx) {
      return endSnoozeMove(this.parts, ctx.params.batch);
    },

    async configureQueue(ctx) {
      await this.database.store.setQueue(ctx.params.clientId, ctx.params.cap, ctx.params.weight);
      this.wakeWorkers();
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
  },

  async started() {
    const { batchLeaseMs: leaseMs, namespace, sweepIntervalMs } = configOf(this.broker);
    const { store, isEmbedded } = this.database;
    if (isEmbedded) await store.voidLeases();
    const pinned = new PinnedPolicies(this.broker);
    this.parts = {
      store,
      leaseMs,
      figures: this.figures,
      pinned,
      events: new BatchEvents(namespace, pinned),
      announce: (...all) => announceBatches(this.broker, all),
      wakeWorkers: () => this.wakeWorkers(),
    };
    const { broker, logger, clock } = this;
    this.sweeper = new Sweeper({ ...this.parts, store, broker, logger, clock });
    // While this node starts, the calls of a sweep would go to another node and wait for its answer.
    const sweepOnceStarted = async () => this.broker.started && this.sweeper.run();
    const sweep = this.schedule("The sweep", sweepIntervalMs, sweepOnceStarted, 0.2);
    this.schedule("Folding counts", sweepIntervalMs, () => store.foldCounts(), 0.2);
    this.broker.localBus.once("$broker.started", sweep);
  },
});
