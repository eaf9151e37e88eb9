/**
 * Moves on batches whose `due_at` has passed: every waiting state has one, and the first node that looks moves the batch on.
 * Every node sweeps, a few rows at a time. Each step is conditional, so two nodes at once do no harm. A sweep is short, because
 * leases of dead workers wait for the next one. Deleting takes long, so `retention` does it.
 */

import type { ServiceBroker } from "moleculer";
import type { BatchStore } from "../../database/store.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import { nullIfLater } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log/fields.ts";
import type { WithClock } from "../../mixins/clock.ts";
import { actors } from "../actors.ts";
import { waitsForOperator } from "../alerts.ts";
import { logOf, standingAfter } from "../batches.ts";
import { SWEPT } from "./batch.contract.ts";
import { type BatchRow, nodeOf } from "./batch.domain.ts";
import { ending } from "./batch.moves.ts";
import { advanceStalled, goingOn } from "./batch.order.ts";
import { announced, type BatchParts } from "./batch.parts.ts";
import { attemptOf } from "./batch.settle.ts";
import { moveOf } from "./batch.states.ts";
import { heldTold, toldMove } from "./batch.told.ts";
import type { Move } from "./batch.writes.domain.ts";

const ROWS_AT_ONCE = 100;
/** The most clients whose queues one sweep repairs. If more wait, the next sweeps repair the others. */
const REPAIRED_AT_ONCE = 10_000;
/** How many reads of one state a sweep makes. Without a limit, batches that cannot be moved would keep the sweep running for ever. */
const MOST_READS = 50;

export interface SweepParts extends BatchParts {
  store: BatchParts["store"] & Pick<BatchStore, "due" | "voidUpload" | "repairQueues" | "stalledLanes">;
  broker: ServiceBroker;
  clock: Pick<WithClock["clock"], "look" | "wentIn">;
}

export class Sweeper {
  private readonly parts: SweepParts;
  private isEnded = false;
  private repairedUpTo = 0;

  constructor(parts: SweepParts) {
    this.parts = parts;
  }

  /** Checks every waiting state once. */
  async run(): Promise<void> {
    const { broker, clock, leaseMs } = this.parts;
    await clock.look();
    // If the clock has just jumped ahead, workers and uploads get the time to renew their leases.
    if (!clock.wentIn(leaseMs)) {
      await this.each("processing", (batch) => this.takeAway(batch));
      await this.each("receiving", (batch) => this.voidUpload(batch));
    }
    await this.each("held", (batch) => this.open(batch));
    await this.each("received", (batch) => this.decideAgain(batch));
    await this.advanceLanes();
    await this.repair();
    // A worker looks for work after each sweep of its own node, whichever node made the batches ready.
    broker.localBus.emit(SWEPT);
  }

  private async each(state: BatchRow["state"], step: (batch: BatchRow) => Promise<unknown>): Promise<void> {
    for (let reads = 0; reads < MOST_READS && !this.isEnded; reads++) {
      const batches = await this.parts.store.due(state, ROWS_AT_ONCE);
      for (const batch of batches)
        await this.guarded(logOf(this.parts.logger, batch), `the batch (${batch.state})`, () => step(batch));
      if (batches.length < ROWS_AT_ONCE) return;
    }
  }

  /** Advances lanes in which a node died after a batch had ended and before it let the next batch go on. */
  private async advanceLanes(): Promise<void> {
    for (let reads = 0; reads < MOST_READS && !this.isEnded; reads++) {
      const lanes = await this.parts.store.stalledLanes(ROWS_AT_ONCE);
      for (const lane of lanes)
        await this.guarded(logOf(this.parts.logger, lane), "the batches behind the batch", () =>
          advanceStalled(this.parts, lane),
        );
      if (!lanes.some(({ isOver }) => isOver)) return;
    }
  }

  /** Repairs the queues, so that workers also find batches that an operator's SQL or an older node made ready. */
  private async repair(): Promise<void> {
    const { store } = this.parts;
    this.repairedUpTo = (await store.repairQueues(this.repairedUpTo, REPAIRED_AT_ONCE)) ?? 0;
  }

  /** A batch that cannot be moved on must not hold up the others. */
  private async guarded(logger: Logger, what: string, step: () => Promise<unknown>): Promise<void> {
    if (this.isEnded) return;
    try {
      await step();
    } catch (error) {
      if (isUnavailable(error)) throw error;
      logger.warn(`The sweep could not move ${what}, it tries again:`, error);
    }
  }

  /** Stops the current sweep. The next sweep continues. */
  end(): void {
    this.isEnded = true;
  }

  private move(move: Move): Promise<BatchRow | null> {
    return this.parts.store.move(move).then((written) => announced(this.parts, written));
  }

  /** Ends an upload whose node no longer renews its lease. `retention` deletes its rows. */
  private async voidUpload(batch: BatchRow): Promise<void> {
    if (!(await this.parts.store.voidUpload(batch.id, true))) return;
    this.parts.figures.lapsed("upload");
    this.wakeRetention();
  }

  /** If the call is lost, `retention` runs at its own interval. */
  private wakeRetention(): void {
    const { broker, logger } = this.parts;
    actors.retention
      .wake(broker, {})
      .catch((error: unknown) => logger.debug("Waking retention failed; it finds the work by polling:", error));
  }

  private async decideAgain(batch: BatchRow): Promise<void> {
    const { policy } = await this.parts.pinned.of(batch);
    const decision = await this.parts.evaluate(policy, batch).catch(nullIfLater);
    if (!decision) return;
    const { state: to, due, reason } = standingAfter(decision);
    const events = waitsForOperator({ state: to, reason }) ? this.parts.events.waiting(batch) : [];
    const move =
      to === "ready"
        ? await goingOn(this.parts, batch, { onlyDue: true })
        : moveOf(batch, { to, due, reason, onlyDue: true, events });
    await this.move(heldTold(move, batch));
  }

  /** The window of the batch has opened. */
  private async open(batch: BatchRow): Promise<void> {
    await this.move(toldMove(await goingOn(this.parts, batch, { onlyDue: true }), batch));
  }

  /** A worker that did not renew its lease counts as dead. Its late writes carry an old fence and change nothing. */
  private async takeAway(batch: BatchRow): Promise<void> {
    if (!(await this.takenAway(batch))) return;
    this.parts.figures.lapsed("batch");
    logOf(this.parts.logger, batch).warn(`The worker ${nodeOf(batch.owner)} fell silent: the batch was taken from it.`);
  }

  private async takenAway(batch: BatchRow): Promise<BatchRow | null> {
    const { maxAttempts } = (await this.parts.pinned.of(batch)).policy;
    const failed = attemptOf(batch, { code: "worker-lost", detail: "Its worker did not extend its lease." });
    if (batch.attempt < maxAttempts) {
      const events = await this.parts.events.ready(batch);
      return this.move({ ...moveOf(batch, { to: "ready", due: { inMs: 0 }, onlyDue: true, events }), failed });
    }
    const error = { code: "worker-lost", detail: `Its worker was lost ${batch.attempt} times at the same chunk.` };
    const move = await ending(this.parts, batch, "failed", error);
    return this.move({ ...move, onlyDue: true, failed });
  }
}
