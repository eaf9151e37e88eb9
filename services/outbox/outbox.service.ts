/**
 * The relay. Whoever changes something writes an event in the same commit, and hands the rows over here; they are published at once, and deleted when RabbitMQ has confirmed them. While it is away or takes no messages the
 * rows wait, and go out when it is back; what a crash left behind is swept up within 7 s: at least once, with the same
 * id. A batch that became ready is also a token on the workers' queue. Without RabbitMQ that queue is in this process,
 * and there is nobody outside to tell; with PUBLISH_EVENTS=false nobody is told at all, and workers poll.
 */
import { configOf } from "../../config/config.ts";
import type { OutboxRow } from "../../database/store.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import { within } from "../../lib/amqp/link.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { eventsMixin } from "../../mixins/events.ts";
import { QUEUE_CHANGED, queueMixin } from "../../mixins/queue.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import type { ReadyBatch } from "../batchProcessor/batchProcessor.contract.ts";
import { defineActor } from "../define.ts";
import { call, type MessageOf } from "../messages.ts";
import type { CloudEvent } from "./outbox.contract.ts";
import { Tokens } from "./outbox.tokens.ts";

interface State {
  isPublishing: boolean;
  /** What is on its way to RabbitMQ. */
  underWay: Set<Promise<void>>;
  tokens: Tokens;
  /** Published, not deleted yet: they go together, so that a delete costs many events one commit. */
  confirmed: number[];
  /** Not published, and not to be taken by another relay before `until`, on the monotonic clock. */
  refused: Map<number, { row: OutboxRow; until: number }>;
}

const SWEPT_AT_ONCE = 100;
/** Rows younger than this are still with the node that wrote them; what a sweep took is its own for as long. */
const LEFT_OVER_MS = 5_000;
/** What a crash left is 5 s old when it may be taken; a look costs one query by index. */
const LONGEST_SWEEP_MS = 2_000;
/** Rows that were just written, or taken by a sweep, are ours for 5 s; less, for a clock that runs meanwhile. */
const OURS_MS = 4_000;
/** Kept in memory while RabbitMQ is away, for the moment it is back; more are left to the sweep. */
const MOST_REFUSED = 1_000;
/** A planned stop waits so long for what is under way. */
const CONFIRM_MS = 1_000;
/** Confirmed rows wait so long for company; a crash meanwhile repeats their events, which consumers know by id. */
const FORGET_EVERY_MS = 200;

const isReady = ({ topic }: OutboxRow) => topic === "batch.ready";

export default defineActor({
  name: "outbox",
  mixins: [databaseMixin, queueMixin, eventsMixin, scheduleMixin],
  state: fields<State>(),

  created() {
    this.isPublishing = configOf(this.broker).publishEvents;
    this.underWay = new Set();
    this.tokens = new Tokens((token) => this.addAMQPJob("batch.ready", token));
    this.confirmed = [];
    this.refused = new Map();
  },

  methods: {
    /** A node that runs none, or is woken in vain, leaves it to the poll of those that do. */
    wakeSender() {
      call(this.broker, "webhook.wake", {}).catch((error: unknown) => this.logger.debug("No wake-up:", error));
    },

    async publish(rows: OutboxRow[], until = performance.now() + OURS_MS, ready?: ReadyBatch) {
      // First what a worker waits for.
      const token = this.tokenFor(rows, ready);
      token.catch(() => {});
      const publishing = Promise.all(rows.map((row) => this.publishOne(row, until, token))).then(() => {});
      this.underWay.add(publishing);
      await publishing.finally(() => this.underWay.delete(publishing));
    },

    /** Never rejects: a row that was not confirmed stays, and the sweep takes it up. */
    async publishOne(row: OutboxRow, until: number, token: Promise<void>) {
      const event = JSON.parse(row.body) as CloudEvent;
      // News for whoever waits on any node. Of clients and policies their own services tell the other nodes.
      if (row.topic.startsWith("batch.")) void this.broker.broadcast(row.topic, event);
      try {
        // Its change broke off before it was published, maybe before anybody was told.
        if (row.topic === "policy.changed" && row.attempts > 0)
          await call(this.broker, "policy.apply", { clientPublicId: event.subject });
        if (this.isPublishing)
          await Promise.all([isReady(row) ? token : undefined, this.publishEvent(event, row.body)]);
        this.confirmed.push(row.id);
      } catch (error) {
        this.logger.debug(`The event ${event.id} waits:`, (error as Error).message);
        if (this.refused.size >= MOST_REFUSED) this.refused.delete(this.refused.keys().next().value as number);
        this.refused.set(row.id, { row, until });
      }
    },

    /** What is still ours alone goes out as soon as it can; the rest is for whoever sweeps first. */
    async publishRefused() {
      if (!this.canPublish()) return;
      const ours = [...this.refused.values()].filter(({ until }) => until > performance.now());
      this.refused.clear();
      await Promise.all(ours.map(({ row, until }) => this.publish([row], until)));
    },

    /** One for all of them, where one of them tells that a batch is ready. */
    async tokenFor(rows: OutboxRow[], ready?: ReadyBatch) {
      const row = rows.find(isReady);
      if (row) await this.token(ready ?? { batchId: (JSON.parse(row.body) as CloudEvent).subject });
    },

    async token(token: MessageOf<"batch.ready">) {
      if (this.isPublishing) await this.tokens.send(token);
    },

    async sweep() {
      // What is told of now could not reach services of this node that still start.
      if (!this.broker.started) return;
      await this.publishRefused();
      // Rows that are taken and not published would only be later by the time they were taken for.
      while (this.canPublish()) {
        const rows = await this.database.store.takeOutbox(SWEPT_AT_ONCE, LEFT_OVER_MS, LEFT_OVER_MS);
        await this.publish(rows);
        if (rows.length < SWEPT_AT_ONCE) return;
      }
    },

    async forget() {
      const ids = this.confirmed.splice(0);
      if (ids.length === 0) return;
      try {
        await this.database.store.deleteOutbox(ids);
      } catch (error) {
        this.confirmed.push(...ids);
        // A database that is away has been told of elsewhere, and this runs often.
        if (!isUnavailable(error)) throw error;
      }
    },

    async drain() {
      await this.endSchedules();
      // A RabbitMQ that is silent confirms nothing; another node's sweep repeats what is not known to be confirmed.
      await within(CONFIRM_MS, Promise.all(this.underWay));
      await this.forget();
    },
  },

  actions: {
    publish(ctx) {
      const { rows, ready } = ctx.params;
      if (rows.some(({ delivery }) => delivery)) this.wakeSender();
      return this.publish(rows, undefined, ready);
    },
    wake() {
      return this.token({ batchId: null }).catch((error: Error) =>
        this.logger.debug("No token, polls serve:", error.message),
      );
    },
    ping() {
      return this.pingRabbit();
    },
  },

  async started() {
    const { sweepIntervalMs } = configOf(this.broker);
    const everyMs = Math.min(sweepIntervalMs, LONGEST_SWEEP_MS);
    const sweep = this.schedule("Publishing what was left over", everyMs, () => this.sweep(), 0.2);
    this.broker.localBus.once("$broker.started", () => this.broker.localBus.on(QUEUE_CHANGED, sweep));
    this.schedule("Deleting published events", FORGET_EVERY_MS, () => this.forget());
  },
});
