import type { ServiceBroker } from "moleculer";
import { Recent } from "../../lib/batching/recent.ts";
import { readWhenAsked } from "../../lib/metrics/figures.ts";
import { actors } from "../actors.ts";
import { batchStates, movingStates } from "../batch/batch.domain.ts";
import { oldestReadyMs } from "../batch/batch.reads.domain.ts";
import type { AnswerOf } from "../messages.ts";
import { tallyOf } from "../tally.ts";

type Stats = AnswerOf<"batch.stats">;

/** How long an answer is reused. */
const FRESH_MS = 1_000;
/** The same for streams of events while nothing waits or runs: what begins then shows a second later. */
const CALM_MS = 1_800;
const PATIENCE_MS = 2_000;

/** Metrics of the queue, read from the database. They are the same on every node. */
export class Queue {
  private readonly broker: ServiceBroker;
  private stats: Stats | null = null;
  private askedAt = -Infinity;
  private readonly recent = new Recent(
    () => this.ask(),
    () => FRESH_MS,
  );

  constructor(broker: ServiceBroker) {
    this.broker = broker;
    const gauge = (name: string, help: string) => ({ type: "gauge" as const, name: `dataflow_${name}`, help });
    const read = (name: string, help: string, of: (stats: Stats) => number) =>
      readWhenAsked(broker, gauge(name, help), () => [{ value: this.stats ? of(this.stats) : Number.NaN }]);
    readWhenAsked(broker, gauge("database_up", "Whether the database answered just now."), () => [
      { value: this.stats ? 1 : 0 },
    ]);
    read("oldest_ready_age_seconds", "How long the oldest claimable batch waits.", (stats) =>
      seconds(oldestReadyMs(stats)),
    );
    read(
      "oldest_waiting_for_client_age_seconds",
      "How long the oldest batch waits whose client is at its cap.",
      (stats) => seconds(waitingMs(stats)),
    );
    read(
      "batches_waiting_for_client",
      "Ready batches whose client is at its cap, counted up to 10,000.",
      (stats) => stats.waitsForItsClient.batches,
    );
    read("oldest_held_age_seconds", "For how long the batch has been held that was held first.", (stats) =>
      seconds(heldMs(stats)),
    );
    read("outbox_depth", "Events that are not published yet.", ({ outboxDepth }) => outboxDepth);
    read("oldest_outbox_age_seconds", "How long the oldest event waits to be published.", (stats) =>
      seconds(outboxMs(stats)),
    );
    read("oldest_delivery_age_seconds", "How long the webhook delivery waits that is due for longest.", (stats) =>
      seconds(deliveryMs(stats)),
    );
    const states = { ...gauge("batches", "Batches in the database, by state."), labelNames: ["state"] };
    readWhenAsked(broker, states, () =>
      batchStates.map((state) => ({ value: this.stats?.states[state] ?? (this.stats ? 0 : NaN), labels: { state } })),
    );
  }

  /** The queue's figures. Throws unavailable. */
  fresh(): Promise<Stats> {
    return this.recent.get();
  }

  /** The same, for who looks each second. Throws unavailable. */
  calm(): Promise<Stats> {
    const { stats } = this;
    const isEnough = stats !== null && isQuiet(stats) && performance.now() - this.askedAt < CALM_MS;
    return isEnough ? Promise.resolve(stats) : this.fresh();
  }

  private async ask(): Promise<Stats> {
    this.askedAt = performance.now();
    this.stats = null;
    this.stats = await actors.batch.stats(this.broker, {}, { timeout: PATIENCE_MS });
    tallyOf(this.broker).waited(oldestReadyMs(this.stats) ?? 0);
    return this.stats;
  }
}

/** Whether every batch has ended or waits for a person. */
const isQuiet = ({ states, outboxDepth, deliveriesDue }: Stats): boolean =>
  outboxDepth === 0 && deliveriesDue === 0 && movingStates.every((state) => (states[state] ?? 0) === 0);

/** The age of the oldest ready batch whose client is at its cap. */
export const waitingMs = ({ waitsForItsClient: { oldestAt }, now }: Stats): number | null =>
  oldestAt === null ? null : Math.max(0, now - oldestAt);

/** For how long the batch has been held that was held first. */
export const heldMs = ({ oldestHeldAt, now }: Stats): number | null =>
  oldestHeldAt === null ? null : Math.max(0, now - oldestHeldAt);

/** The age of the oldest event, by the clock of the node that made the event, which may be wrong. */
export const outboxMs = ({ oldestEventAt, now }: Stats): number | null =>
  oldestEventAt === null ? null : Math.max(0, now - oldestEventAt);

/** The age of the webhook delivery that is due for longest. */
export const deliveryMs = ({ oldestDeliveryAt, now }: Stats): number | null =>
  oldestDeliveryAt === null ? null : Math.max(0, now - oldestDeliveryAt);

const seconds = (ms: number | null): number => (ms ?? 0) / 1000;
