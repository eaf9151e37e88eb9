/**
 * Moves on batches whose `due_at` has passed: every waiting state has one, and the first node that looks moves the batch on.
 * Every node sweeps, a few rows at a time. Each step is conditional, so two nodes at once do no harm. A sweep is short, because
 * leases of dead workers wait for the next one. Deleting takes long, so `retention` does it.
 */

import type { ServiceBroker } from "moleculer";
import type { BatchRow, BatchStore, Move } from "../../database/store.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import { nullIfLater } from "../../lib/errors.ts";
import type { WithClock } from "../../mixins/clock.ts";
import { actors } from "../actors.ts";
import { standingAfter } from "../batches.ts";
import { attemptOf } from "./batch.attempts.ts";
import { SWEPT } from "./batch.contract.ts";
import { announced, type BatchParts } from "./batch.parts.ts";
import { moveOf } from "./batch.states.ts";

const ROWS_AT_ONCE = 100;
/** Clients whose batches are looked for by a sweep; with more of them that wait, the next sweeps look for the others'. */
const REPAIRED_AT_ONCE = 10_000;
/** A sweep ends after so many reads of one state, so that rows which cannot be moved on do not hold it for ever. */
const MOST_READS = 50;

export interface SweepParts extends BatchParts {
  store: BatchParts["store"] & Pick<BatchStore, "due" | "voidUpload" | "repairQueues">;
  broker: ServiceBroker;
  logger: Pick<ServiceBroker["logger"], "warn" | "debug">;
  clock: Pick<WithClock["clock"], "look" | "wentIn">;
}

export class Sweeper {
  private readonly parts: SweepParts;
  private isEnded = false;
  private repairedUpTo = 0;

  constructor(parts: SweepParts) {
    this.parts = parts;
  }

  /** Looks once after every waiting state. */
  async run(): Promise<void> {
    const { broker, clock, leaseMs } = this.parts;
    await clock.look();
    // Who keeps a lease gets the time to renew it by a clock that has just gone ahead.
    if (!clock.wentIn(leaseMs)) {
      await this.each("processing", (batch) => this.takeAway(batch));
      await this.each("receiving", (batch) => this.voidUpload(batch));
    }
    await this.each("held", (batch) => this.open(batch));
    await this.each("received", (batch) => this.decideAgain(batch));
    await this.repair();
    // Whichever node made them ready, a worker's own look comes no later than its own sweep.
    broker.localBus.emit(SWEPT);
  }

  private async each(state: BatchRow["state"], step: (batch: BatchRow) => Promise<unknown>): Promise<void> {
    for (let reads = 0; reads < MOST_READS && !this.isEnded; reads++) {
      const batches = await this.parts.store.due(state, ROWS_AT_ONCE);
      for (const batch of batches) if (batch.state === state) await this.guarded(batch, step);
      if (batches.length < ROWS_AT_ONCE) return;
    }
  }

  /** Makes sure that workers find what is ready, also what an operator or an older node has written. */
  private async repair(): Promise<void> {
    const { store } = this.parts;
    this.repairedUpTo = (await store.repairQueues(this.repairedUpTo, REPAIRED_AT_ONCE)) ?? 0;
  }

  /** A batch that cannot be moved on must not hold up the others. */
  private async guarded(batch: BatchRow, step: (batch: BatchRow) => Promise<unknown>): Promise<void> {
    if (this.isEnded) return;
    try {
      await step(batch);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      this.parts.logger.warn(`The sweep leaves batch ${batch.publicId} (${batch.state}) as it is:`, error);
    }
  }

  /** Ends the sweep. The next one goes on with the rest. */
  end(): void {
    this.isEnded = true;
  }

  private move(move: Move): Promise<BatchRow | null> {
    return this.parts.store.move(move).then((written) => announced(this.parts, written));
  }

  /** An upload whose node is silent; its rows are left to `retention`. */
  private async voidUpload(batch: BatchRow): Promise<void> {
    if (!(await this.parts.store.voidUpload(batch.id, true))) return;
    this.parts.figures.lapsed("upload");
    this.wakeRetention();
  }

  /** Where this is lost, its own rhythm serves. */
  private wakeRetention(): void {
    const { broker, logger } = this.parts;
    actors.retention.wake(broker, {}).catch((error: unknown) => logger.debug("No wake-up:", error));
  }

  private async decideAgain(batch: BatchRow): Promise<void> {
    const { format, bytes, records } = batch;
    const { policy } = await this.parts.pinned.of(batch);
    const body = { policy, format, bytes, records };
    const decision = await actors.policy.evaluate(this.parts.broker, body).catch(nullIfLater);
    if (!decision) return;
    const { state: to, due, reason } = standingAfter(decision);
    const events = to === "ready" ? await this.parts.events.ready(batch) : [];
    await this.move(moveOf(batch, { to, due, reason, onlyDue: true, events }));
  }

  /** A window has opened. */
  private async open(batch: BatchRow): Promise<void> {
    const events = await this.parts.events.ready(batch);
    await this.move(moveOf(batch, { to: "ready", due: { inMs: 0 }, onlyDue: true, events }));
  }

  /** A worker that did not renew its lease counts as dead. Its late writes carry an old fence and change nothing. */
  private async takeAway(batch: BatchRow): Promise<void> {
    if (await this.takenAway(batch)) this.parts.figures.lapsed("batch");
  }

  private async takenAway(batch: BatchRow): Promise<BatchRow | null> {
    const { maxAttempts } = (await this.parts.pinned.of(batch)).policy;
    const failed = attemptOf(batch, { code: "worker-lost", detail: "Its worker did not extend its lease." });
    if (batch.attempt < maxAttempts) {
      const events = await this.parts.events.ready(batch);
      return this.move({ ...moveOf(batch, { to: "ready", due: { inMs: 0 }, onlyDue: true, events }), failed });
    }
    const error = { code: "worker-lost", detail: `Its worker was lost ${batch.attempt} times at the same chunk.` };
    const after: BatchRow = { ...batch, state: "failed", reason: error, version: batch.version + 1 };
    const due = await this.parts.pinned.retentionOf(batch);
    const events = await this.parts.events.completed(after);
    return this.move({ ...moveOf(batch, { to: "failed", due, reason: error, onlyDue: true, events }), failed });
  }
}
