/**
 * The relay of events. A change and its event are written in one commit. The service that made the change passes the rows to
 * this one, which publishes them at once and deletes them when RabbitMQ has confirmed them. While RabbitMQ is away or takes no
 * messages, the rows wait. A sweep publishes what a crash left behind, within 7 s: at least once, with the same id. A batch that
 * became ready also sends a token to the workers' queue. Without RabbitMQ that queue is in this process and nothing is
 * published; with PUBLISH_EVENTS=false there are no tokens either, and workers poll.
 */

import { configOf } from "../../config/config.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import { Fields } from "../../lib/log/fields.ts";
import type { MessageHeaders } from "../../lib/queue/driver.ts";
import { within } from "../../lib/time-limit.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { eventsMixin } from "../../mixins/events.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { actors } from "../actors.ts";
import { ALERT_TOPIC, type AlertNote } from "../alerts/alerts.domain.ts";
import type { ReadyBatch } from "../batchProcessor/batchProcessor.contract.ts";
import { defineActor } from "../define.ts";
import { batchOf } from "../events.ts";
import { type MessageOf, QUEUE_CHANGED, queueMixin } from "../messages.ts";
import type { CloudEvent, OutboxRow } from "./outbox.domain.ts";
import { Tokens } from "./outbox.tokens.ts";

interface State {
  isPublishing: boolean;
  /** Publishes that wait for their confirm. */
  underWay: Set<Promise<void>>;
  tokens: Tokens;
  /** Ids of confirmed rows, deleted in one statement every 200 ms. */
  confirmed: number[];
  /** Rows that are not published yet. Until `until` (monotonic time) no other relay takes them. */
  refused: Map<number, { row: OutboxRow; until: number }>;
}

const SWEPT_AT_ONCE = 100;
/** Rows younger than this belong to the node that wrote them. A row that a sweep took belongs to it for as long. */
const LEFT_OVER_MS = 5_000;
/** A crashed node's rows may be taken after 5 s. A sweep costs one query by index. */
const LONGEST_SWEEP_MS = 2_000;
/** Rows just written, or taken by a sweep, are ours for 5 s. This is a little less, because time passes meanwhile. */
const OURS_MS = 4_000;
/** How many rows are kept in memory while RabbitMQ is away. Further rows are left to the sweep. */
const MOST_REFUSED = 1_000;
/** How long a planned stop waits for publishes in progress. */
const CONFIRM_MS = 1_000;
/** How long confirmed rows wait for their delete. A crash meanwhile repeats their events; consumers know them by id. */
const FORGET_EVERY_MS = 200;

/** The trace of an event, for those who read only the headers of messages. */
const headersOf = ({ traceparent, tracestate }: CloudEvent): MessageHeaders | undefined =>
  traceparent === undefined ? undefined : { traceparent, ...(tracestate !== undefined && { tracestate }) };

const isReady = ({ topic }: OutboxRow) => topic === "batch.ready";

export default defineActor({
  name: "outbox",
  mixins: [databaseMixin, queueMixin, eventsMixin, scheduleMixin],
  state: fields<State>(),

  created() {
    this.isPublishing = configOf(this.broker).publishEvents;
    this.underWay = new Set();
    this.tokens = new Tokens((token, headers) => this.addAMQPJob("batch.ready", token, headers));
    this.confirmed = [];
    this.refused = new Map();
  },

  methods: {
    /** Wakes the webhook service of this node. If there is none, or the call fails, others find the delivery by polling. */
    wakeSender() {
      actors.webhook
        .wake(this.broker, {})
        .catch((error: unknown) => this.logger.debug("Waking failed; the work is found by polling:", error));
    },

    async publish(rows: OutboxRow[], until = performance.now() + OURS_MS, ready?: ReadyBatch) {
      // Tokens first: workers wait for them.
      const token = this.tokenFor(rows, ready);
      token.catch(() => {});
      const publishing = Promise.all(rows.map((row) => this.publishOne(row, until, token))).then(() => {});
      this.underWay.add(publishing);
      await publishing.finally(() => this.underWay.delete(publishing));
    },

    /** Never rejects: a row that was not confirmed stays, and a sweep takes it. */
    async publishOne(row: OutboxRow, until: number, token: Promise<void>) {
      if (row.topic === ALERT_TOPIC) return this.noteAlert(row, until);
      const event = JSON.parse(row.body) as CloudEvent;
      // For requests that wait on other nodes. clientCache and policy announce their changes themselves.
      if (row.topic.startsWith("batch.")) void this.broker.broadcast(row.topic, event);
      try {
        // A sweep found it, so its node may have crashed before anybody was told.
        if (row.topic === "policy.changed" && row.attempts > 0)
          await actors.policy.apply(this.broker, { clientPublicId: event.subject });
        if (this.isPublishing)
          await Promise.all([
            isReady(row) ? token : undefined,
            this.publishEvent({ ...event, headers: headersOf(event) }, row.body),
          ]);
        this.confirmed.push(row.id);
      } catch (error) {
        this.logger.debug(
          `The event ${event.id} waits:`,
          (error as Error).message,
          new Fields({ batchId: batchOf(row) }),
        );
        this.keep(row, until);
      }
    },

    keep(row: OutboxRow, until: number) {
      if (this.refused.size >= MOST_REFUSED) this.refused.delete(this.refused.keys().next().value as number);
      this.refused.set(row.id, { row, until });
    },

    /** An alert is for operators: it becomes a note for the service `alerts`, and never leaves the database here. */
    async noteAlert(row: OutboxRow, until: number) {
      try {
        await this.database.store.noteAlert(JSON.parse(row.body) as AlertNote);
        this.confirmed.push(row.id);
      } catch (error) {
        this.logger.debug("An alert could not be noted; it is tried again:", (error as Error).message);
        this.keep(row, until);
      }
    },

    /** Publishes the rows that are still ours as soon as RabbitMQ is back. Any node's sweep takes the rest. */
    async publishRefused() {
      if (!this.canPublish()) return;
      const ours = [...this.refused.values()].filter(({ until }) => until > performance.now());
      this.refused.clear();
      await Promise.all(ours.map(({ row, until }) => this.publish([row], until)));
    },

    /** Sends one token if any of the events is a ready batch. */
    async tokenFor(rows: OutboxRow[], ready?: ReadyBatch) {
      const row = rows.find(isReady);
      if (!row) return;
      const event = JSON.parse(row.body) as CloudEvent;
      await this.token(ready ?? { batchId: event.subject }, headersOf(event));
    },

    async token(token: MessageOf<"batch.ready">, headers?: MessageHeaders) {
      if (this.isPublishing) await this.tokens.send(token, headers);
    },

    async sweep() {
      // Services of this node that still start would miss the events.
      if (!this.broker.started) return;
      await this.publishRefused();
      // Taking rows that cannot be published would only delay them.
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
        // Others have logged that the database is away, and this runs often.
        if (!isUnavailable(error)) throw error;
      }
    },
  },

  async drain() {
    await this.endSchedules();
    // A silent RabbitMQ confirms nothing. Another node's sweep repeats the unconfirmed rows.
    await within(CONFIRM_MS, Promise.all(this.underWay));
    await this.forget();
  },

  actions: {
    publish(ctx) {
      const { rows, ready } = ctx.params;
      if (rows.some(({ delivery }) => delivery)) this.wakeSender();
      return this.publish(rows, undefined, ready);
    },
    wake() {
      return this.token({ batchId: null }).catch((error: Error) =>
        this.logger.debug("No message that wakes workers could be sent; they find the work by polling:", error.message),
      );
    },
    ping() {
      return this.pingRabbit();
    },
  },

  async started() {
    const { sweepIntervalMs } = configOf(this.broker);
    const everyMs = Math.min(sweepIntervalMs, LONGEST_SWEEP_MS);
    const sweep = this.schedule("Publishing waiting events", everyMs, () => this.sweep(), 0.2);
    this.broker.localBus.once("$broker.started", () => this.broker.localBus.on(QUEUE_CHANGED, sweep));
    this.schedule("Deleting published events", FORGET_EVERY_MS, () => this.forget());
  },
});
