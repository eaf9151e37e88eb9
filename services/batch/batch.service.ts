/**
 * The batches: the state machine and the reads. From the commit of its upload on, only this service changes a batch's state:
 * workers claim, commit and settle through it, operators and partners move batches through it, and its sweep moves batches
 * whose wait is over. Every write is one unit with its conditions inside (state, fence, next chunk), so a late or repeated call
 * writes nothing. While its database is away every call is refused with `unavailable`.
 */

import { configOf } from "../../config/config.ts";
import { migrations } from "../../database/migrations/migrate.ts";
import { decode } from "../../formats/split/chunk-codec.ts";
import { clockMixin } from "../../mixins/clock.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { tablesMixin } from "../../mixins/tables.ts";
import { actors } from "../actors.ts";
import { auditing } from "../audits.ts";
import { logOf } from "../batches.ts";
import { defineActor } from "../define.ts";
import type { CloudEvent } from "../outbox/outbox.domain.ts";
import { assembled } from "./batch.assembly.ts";
import { correctedAmong } from "./batch.corrected.ts";
import { detailsOf } from "./batch.details.ts";
import { type BatchRow, firstBodyPart } from "./batch.domain.ts";
import { BatchFigures } from "./batch.figures.ts";
import { countsOf, find } from "./batch.find.ts";
import { claimGroup, commitChunks } from "./batch.group.ts";
import { history } from "./batch.history.ts";
import { approveMove, cancelMove, endSnoozeMove, redriveMove, rejectMove } from "./batch.moves.ts";
import { advance, follow, skipMove, withFronts } from "./batch.order.ts";
import { outlooks } from "./batch.outlook.ts";
import { type BatchParts, foundBatch } from "./batch.parts.ts";
import { settle } from "./batch.settle.ts";
import { Sweeper } from "./batch.sweep.ts";
import { claimMove, undoMove, undoneMove, waitingMove } from "./batch.undo.ts";
import { claim, commitChunk, enterTable } from "./batch.work.ts";

interface State {
  figures: BatchFigures;
  parts: BatchParts;
  sweeper: Sweeper;
  /** Current steps of lanes. Calls do not wait for them, but a shutdown does. */
  following: Set<Promise<void>>;
}

/** The size of a page of errors or records. A reader that stops keeps one page in memory. */
const MOST_READ_BYTES = 256 * 1024;

/** How often leftover rows of `dataflow_applied` are deleted. They only take space. */
const TIDY_MS = 10 * 60_000;

export default defineActor({
  name: "batch",
  mixins: [databaseMixin, tablesMixin, scheduleMixin, clockMixin],
  state: fields<State>(),

  created() {
    this.figures = new BatchFigures(this.broker);
    this.following = new Set();
  },

  methods: {
    async shown(batch: BatchRow): Promise<BatchRow> {
      const [shown = batch] = await withFronts(this.database.store, [batch]);
      return shown;
    },
    /** Runs in the background. If it fails, the sweep does it later. */
    follow(batch: BatchRow) {
      const following: Promise<void> = follow(this.parts, batch)
        .catch((error: unknown) =>
          logOf(this.logger, batch).debug("The batches behind this one wait for the sweep:", error),
        )
        .finally(() => this.following.delete(following));
      this.following.add(following);
    },
    /** If the call is lost, `retention` runs at its own interval. */
    wakeRetention() {
      actors.retention
        .wake(this.broker, {})
        .catch((error: unknown) => this.logger.debug("Waking retention failed; it finds the work by polling:", error));
    },
    wakeWorkers() {
      actors.outbox
        .wake(this.broker, {})
        .catch((error: unknown) =>
          this.logger.debug("Waking a worker failed; workers find the work by polling:", error),
        );
    },
  },

  async drain() {
    // A stop can come before the start has finished.
    if (!this.sweeper) return;
    this.sweeper.end();
    await Promise.all(this.following);
    await this.endSchedules();
  },

  actions: {
    async get(ctx) {
      return this.shown(await foundBatch(this.database.store, ctx.params));
    },
    async list(ctx) {
      const { store } = this.database;
      return withFronts(store, await store.list(ctx.params));
    },
    async find(ctx) {
      const { batches, next } = await find(this.database.store, ctx.params.filter, ctx.params.page);
      return { batches: await withFronts(this.database.store, batches), next };
    },
    counts(ctx) {
      return countsOf(this.database.store, ctx.params.filter);
    },
    outlooks(ctx) {
      return outlooks({ ...this.parts, store: this.database.store }, ctx.params.batches);
    },
    async maxAttempts(ctx) {
      return (await this.parts.pinned.of(ctx.params)).policy.maxAttempts;
    },
    details(ctx) {
      return detailsOf({ ...this.parts, store: this.database.store }, ctx.params.batch);
    },
    async changed(ctx) {
      const { store } = this.database;
      return withFronts(store, await store.changed(ctx.params.seen));
    },
    errors(ctx) {
      const { id, after, limit } = ctx.params;
      return this.database.store.errors(id, after, limit, MOST_READ_BYTES);
    },
    corrected(ctx) {
      return correctedAmong(this.database.store, ctx.params.batch, ctx.params.records);
    },
    errorSummary(ctx) {
      return this.database.store.errorSummary(ctx.params.id);
    },
    async history(ctx) {
      const batch = await foundBatch(this.database.store, ctx.params);
      return { batch, ...(await history(this.database.store, batch)) };
    },
    attempts(ctx) {
      return this.database.store.attempts(ctx.params.ids, ctx.params.last);
    },
    records(ctx) {
      const { id, after, limit } = ctx.params;
      return this.database.store.records(id, after, limit, MOST_READ_BYTES);
    },
    async bodyPart(ctx) {
      const part = await this.database.store.readChunk(ctx.params.id, firstBodyPart + ctx.params.no);
      return part && decode(part.codec, part.body);
    },

    cancel(ctx) {
      return cancelMove(this.parts, ctx.params, auditing(ctx));
    },
    approve(ctx) {
      return approveMove(this.parts, ctx.params, auditing(ctx));
    },
    reject(ctx) {
      return rejectMove(this.parts, ctx.params, auditing(ctx));
    },
    redrive(ctx) {
      return redriveMove(this.parts, ctx.params, auditing(ctx));
    },
    async undo(ctx) {
      const undo = await undoMove(this.parts, ctx.params, auditing(ctx));
      if (undo.batch.state === "undoing") this.wakeRetention();
      return undo;
    },
    finishUndo(ctx) {
      return undoneMove(this.parts, ctx.params.publicId);
    },
    claimUndo(ctx) {
      return claimMove(this.parts, ctx.params.publicId, ctx.params.forMs);
    },
    waitUndo(ctx) {
      return waitingMove(this.parts, ctx.params.publicId, ctx.params.waits);
    },
    async skip(ctx) {
      return this.shown(await skipMove(this.parts, ctx.params, auditing(ctx)));
    },
    advance(ctx) {
      return advance(this.parts, ctx.params);
    },
    retry(ctx) {
      return redriveMove(this.parts, ctx.params, auditing(ctx), "batch.retry");
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
    enterTable(ctx) {
      return enterTable(this.parts, ctx.params.batch);
    },
    appliedRows() {
      return this.parts.elsewhere.rows();
    },
    pingTables() {
      return this.parts.elsewhere.ping();
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
      const { oldestEvent, ...stats } = await this.database.store.stats();
      const oldestEventAt = oldestEvent === null ? null : Date.parse((JSON.parse(oldestEvent) as CloudEvent).time);
      return { ...stats, oldestEventAt };
    },
    async migrations() {
      const { sequelize } = this.database;
      const pending = await this.database.pending();
      const applied = migrations.map(({ name }) => name).filter((name) => !pending.includes(name));
      return { kind: sequelize.getDialect() as "sqlite" | "postgres" | "mssql", applied, pending };
    },
    queueOf(ctx) {
      return this.database.store.queueOf(ctx.params.clientId);
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
    this.parts = assembled(this, { leaseMs, namespace });
    const { elsewhere } = this.parts;
    const { broker, logger, clock } = this;
    this.sweeper = new Sweeper({ ...this.parts, store, broker, logger, clock });
    // While this node starts, a sweep's calls would go to another node and wait for its answer.
    const sweepOnceStarted = async () => this.broker.started && this.sweeper.run();
    const sweep = this.schedule("The sweep", sweepIntervalMs, sweepOnceStarted, 0.2);
    if (this.tables.names.length > 0) this.schedule("Tidying dataflow_applied", TIDY_MS, () => elsewhere.tidy(), 0.2);
    this.schedule("Adding up counts", sweepIntervalMs, () => store.foldCounts(), 0.2);
    this.broker.localBus.once("$broker.started", sweep);
  },
});
