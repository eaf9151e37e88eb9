/**
 * What no message looks after: every state that waits has a `due_at`, and whoever comes first after it moves the batch on.
 * Every node sweeps, a few rows at a time, each step conditional: two at once do no harm.
 */
import { isUnavailable } from "../../database/errors.ts";
import type { BatchRow, Move } from "../../database/store.ts";
import { readWhenAsked } from "../../mixins/figures.ts";
import { Clock } from "./batch.clock.ts";
import { finalStates, SWEPT } from "./batch.contract.ts";
import type { BatchService } from "./batch.service.ts";
import { decide } from "./batch.start.ts";
import { keepsBody, moveOf } from "./batch.states.ts";
import { deleteWhole, purgeWhole } from "./batch.uploads.ts";

const ROWS_AT_ONCE = 100;
/** A few ms of deleting, so that others' commits get their turn. */
const FORGOTTEN_AT_ONCE = 1_000;
/** A sweep ends after so many reads of one state, so that rows which cannot be moved on do not hold it for ever. */
const MOST_READS = 50;

const retentionHeld = {
  name: "dataflow_retention_held",
  help: "Whether nothing is deleted by its age, because the database's clock is in doubt.",
  type: "gauge",
} as const;

export class Sweeper {
  /** By which all that is over its time is deleted. */
  private readonly clock: Clock;
  private readonly service: BatchService;
  private isEnded = false;

  constructor(service: BatchService) {
    this.service = service;
    this.clock = new Clock((text) => service.logger.warn(text));
    readWhenAsked(service.broker, retentionHeld, () => [{ value: this.clock.isTrusted ? 0 : 1 }]);
  }

  /** Looks once after every waiting state. */
  async run(): Promise<void> {
    await this.look();
    // Who keeps a lease gets the time to renew it by a clock that has just gone ahead.
    const areLeasesKept = !this.clock.wentIn(this.service.leaseMs);
    if (areLeasesKept) await this.each("receiving", (batch) => this.wipe(batch));
    await this.each("received", (batch) => this.decideAgain(batch));
    await this.each("held", (batch) => this.open(batch));
    if (areLeasesKept) await this.each("processing", (batch) => this.takeAway(batch));
    // Whichever node made them ready, a worker's own look comes no later than its own sweep.
    this.service.broker.localBus.emit(SWEPT);
    for (const state of finalStates) await this.each(state, (batch) => this.remove(batch), this.mayDelete);
    await this.forget();
  }

  /** Compares the database's clock with this node's own count of time. */
  private async look(): Promise<void> {
    const { database } = this.service;
    const look = { clockMs: await database.now(), countMs: performance.now() };
    if (this.clock.hasBegun) this.clock.look(look);
    // On one machine there is no other clock.
    else if (!database.isEmbedded) this.clock.begin(look, { otherMs: Date.now() });
    else {
      const [newest] = await database.store.list({ limit: 1 });
      this.clock.begin(look, { storedMs: newest ? lastOf(newest) : null });
    }
  }

  private readonly mayDelete = async (): Promise<boolean> => {
    await this.look();
    return this.clock.isTrusted;
  };

  private async each(
    state: BatchRow["state"],
    step: (batch: BatchRow) => Promise<unknown>,
    mayGoOn: () => Promise<boolean> = async () => true,
  ): Promise<void> {
    for (let reads = 0; reads < MOST_READS && !this.isEnded && (await mayGoOn()); reads++) {
      const batches = await this.service.database.store.due(state, ROWS_AT_ONCE);
      for (const batch of batches) if (batch.state === state) await this.guarded(batch, step);
      if (batches.length < ROWS_AT_ONCE) return;
    }
  }

  /** Keys and contents whose time is over, and what was sent on days gone by. */
  private async forget(): Promise<void> {
    for (let reads = 0; reads < MOST_READS && !this.isEnded && (await this.mayDelete()); reads++)
      if (await this.service.database.store.forgetRepeats(FORGOTTEN_AT_ONCE)) return;
  }

  /** One batch that cannot be moved on must not hold up the others. */
  private async guarded(batch: BatchRow, step: (batch: BatchRow) => Promise<unknown>): Promise<void> {
    if (this.isEnded) return;
    try {
      await step(batch);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      this.service.logger.warn(`The sweep leaves batch ${batch.publicId} (${batch.state}) as it is:`, error);
    }
  }

  /** What is half done goes on at the next start. */
  end(): void {
    this.isEnded = true;
  }

  private readonly hasEnded = () => this.isEnded;

  private move(move: Move): Promise<BatchRow | null> {
    return this.service.database.store.move(move).then((written) => this.service.published(written));
  }

  /** An upload whose node is silent. */
  private async wipe(batch: BatchRow): Promise<void> {
    const { store } = this.service.database;
    if (!(await store.voidUpload(batch.id, true))) return;
    this.service.figures.lapsed("upload");
    await deleteWhole(store, batch.id, this.hasEnded);
  }

  private async decideAgain(batch: BatchRow): Promise<void> {
    const { clientId, format, bytes, records } = batch;
    const decided = await decide(this.service.broker, { clientId, format, bytes, records });
    if (decided.state === "received") return;
    const events = decided.state === "ready" ? await this.service.readyEvent(batch) : [];
    await this.move(moveOf(batch, { ...decided, to: decided.state, onlyDue: true, events }));
  }

  /** A window has opened. */
  private async open(batch: BatchRow): Promise<void> {
    const events = await this.service.readyEvent(batch);
    await this.move(moveOf(batch, { to: "ready", due: { inMs: 0 }, onlyDue: true, events }));
  }

  /** A worker that did not extend its lease is taken for dead; its late writes carry an old fence. */
  private async takeAway(batch: BatchRow): Promise<void> {
    if (await this.takenAway(batch)) this.service.figures.lapsed("batch");
  }

  private async takenAway(batch: BatchRow): Promise<BatchRow | null> {
    const { maxAttempts } = await this.service.policyOf(batch);
    if (batch.attempt < maxAttempts) {
      const events = await this.service.readyEvent(batch);
      return this.move(moveOf(batch, { to: "ready", due: { inMs: 0 }, onlyDue: true, events }));
    }
    const error = { code: "worker-lost", detail: `Its worker was lost ${batch.attempt} times at the same chunk.` };
    const after: BatchRow = { ...batch, state: "failed", reason: error, version: batch.version + 1 };
    const due = await this.service.retention(batch);
    const events = await this.service.completedEvent(after);
    return this.move(moveOf(batch, { to: "failed", due, reason: error, onlyDue: true, events }));
  }

  /** The body of a batch that ended goes first; when its retention is over, all of it. */
  private async remove(batch: BatchRow): Promise<void> {
    const { store } = this.service.database;
    if (keepsBody(batch.state) || batch.chunks === 0) await deleteWhole(store, batch.id, this.hasEnded);
    else await purgeWhole(store, batch.id, await this.service.retention(batch), this.hasEnded);
  }
}

/** When something was last written down of a batch. */
const lastOf = ({ createdAt, readyAt, startedAt, finishedAt }: BatchRow): number =>
  Math.max(createdAt, readyAt ?? 0, startedAt ?? 0, finishedAt ?? 0);
