/**
 * Sends webhooks. A delivery is written in the same commit as the change that it tells of. This service takes due
 * deliveries (woken at once after a commit, else by polling), signs them, sends them to the URL of today's policy, and
 * records the attempt. If it is killed, its deliveries are due again after their lease, and are sent once more with the
 * same id. It never connects to an address that a policy may not name.
 */

import { configOf } from "../../config/config.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import { type Counter, counter } from "../../lib/metrics/figures.ts";
import { delayAfter, usualDelaysMs } from "../../lib/net/retries.ts";
import { type Sent, send } from "../../lib/net/send.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { partnersMixin } from "../../mixins/partners.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { actors } from "../actors.ts";
import type { AlertNote } from "../alerts/alerts.domain.ts";
import { hasAlerts } from "../alerts.ts";
import { defineActor } from "../define.ts";
import { uuidv7 } from "../ids.ts";
import type { CloudEvent } from "../outbox/outbox.domain.ts";
import type { Counted } from "../stats/stats.domain.ts";
import { tallyOf } from "../tally.ts";
import { plainHeaders } from "./webhook.contract.ts";
import type { AttemptRecord, TakenDelivery } from "./webhook.domain.ts";
import { deliveryHandlers, type Target } from "./webhook.handlers.ts";
import { DeliveryLoop } from "./webhook.loop.ts";
import { signed } from "./webhook.sign.ts";
import { attemptTold, logOfDelivery } from "./webhook.told.ts";
import { inAttempt } from "./webhook.traces.ts";

type Outcome = "delivered" | "retried" | "failed";

const tallied = {
  delivered: "deliveriesDelivered",
  retried: "deliveriesRetried",
  failed: "deliveriesFailed",
} as const satisfies Record<Outcome, Counted>;

interface State {
  loop: DeliveryLoop<TakenDelivery>;
  stopping: AbortController;
  deliveries: Counter<Outcome>;
}

/** The most deliveries that a node sends at once. Each of them needs a socket and a few kB. */
const SLOTS = 64;
const SLOTS_OF_CLIENT = 4;
/** The time limit of an attempt. Standard Webhooks advises 15 to 30 s. */
const ATTEMPT_MS = 15_000;
/** A lease is the time limit of an attempt plus this. After it, the sender counts as dead. */
const LEASE_SPARE_MS = 15_000;
/** How often to poll for deliveries that no wake-up names: retries, and those of a dead node. */
const POLL_MS = 1_000;
/**
 * A share of SHUTDOWN_TIMEOUT. After this time a stop ends attempts without an answer and hands their deliveries back.
 */
const PATIENCE = 0.6;
/** The status by which a receiver says that it wants no more events. */
const GONE = 410;
const GONE_SAID = "gone (410): the webhook is turned off";

/** The target of a delivery, or the reason why the delivery cannot be sent. */
type Receiver = Target | { refusal: string };

export default defineActor({
  name: "webhook",
  mixins: [partnersMixin("policy", "clientCache"), databaseMixin, scheduleMixin],

  /** Tests may set other times. */
  settings: { delaysMs: usualDelaysMs, attemptMs: ATTEMPT_MS },
  state: fields<State>(),

  created() {
    const figure = { name: "dataflow_webhook_deliveries_total", help: "Sendings to webhooks, by what came of them." };
    this.deliveries = counter(this.broker, figure, "outcome", ["delivered", "retried", "failed"]);
    this.stopping = new AbortController();
    this.loop = new DeliveryLoop<TakenDelivery>({
      slots: SLOTS,
      slotsOfClient: SLOTS_OF_CLIENT,
      take: (limit, busy) => this.take(limit, busy),
      run: (delivery) => this.run(delivery),
      failed: (error) => this.logger.warn("Taking deliveries failed, the next poll tries again:", error),
    });
  },

  methods: {
    take(limit: number, busy: number[]) {
      const leaseMs = this.settings.attemptMs + LEASE_SPARE_MS;
      return this.database.deliveries.takeDeliveries({ limit, busy, leaseMs, claim: uuidv7() });
    },

    /**
     * Sends a delivery and records the attempt. Never rejects: if it cannot be recorded, the delivery is due again
     * after its lease.
     */
    async run(delivery: TakenDelivery) {
      try {
        await this.attempt(delivery);
      } catch (error) {
        logOfDelivery(this.logger, delivery).warn(
          `The attempt of delivery ${delivery.publicId} could not be recorded, it is sent again after its lease:`,
          error,
        );
      }
    },

    async attempt(delivery: TakenDelivery) {
      const receiver = await this.receiver(delivery);
      if ("refusal" in receiver) {
        await this.tellLost(delivery, null, receiver.refusal);
        this.count(delivery.clientId, "failed");
        return this.record(delivery, { status: null, error: receiver.refusal, ms: 0, next: { state: "failed" } });
      }
      const event = JSON.parse(delivery.body) as CloudEvent;
      const { ms, ...sent } = await inAttempt(delivery, event, receiver.url, (trace) =>
        this.post(receiver, event.id, delivery.body, trace),
      );
      await this.after(delivery, receiver.url, sent, ms);
    },

    /**
     * Signs a document and sends it once, with the headers `more`. Answers how long the request took. Never rejects.
     */
    async post({ url, secrets }: Target, id: string, body: string, more = {}): Promise<Sent & { ms: number }> {
      const headers = { ...plainHeaders, ...more, ...signed(id, body, secrets, new Date()) };
      const began = performance.now();
      const sent = await send(new URL(url), headers, body, {
        allowedHosts: configOf(this.broker).webhookAllowedHosts,
        timeoutMs: this.settings.attemptMs,
        signal: this.stopping.signal,
      });
      const ms = Math.round(performance.now() - began);
      return { ...sent, ...(sent.status === GONE && { error: GONE_SAID }), ms };
    },

    /**
     * The target in the client's present policy, which may differ from the policy of the batch. `event` null: the
     * events that the webhook wants do not matter.
     */
    async receiver({ clientId, event }: { clientId: number; event: string | null }): Promise<Receiver> {
      const client = await actors.clientCache.get(this.broker, { id: clientId });
      if (client?.status !== "active") return { refusal: "the client is disabled" };
      const { policy } = await actors.policy.get(this.broker, { clientId });
      if (!policy.webhook) return { refusal: "the policy names no webhook" };
      if (event !== null && !(policy.webhook.events as string[]).includes(event))
        return { refusal: `the webhook wants no ${event}` };
      const secrets = await actors.policy.webhookSecrets(this.broker, { clientId });
      return secrets.length > 0 ? { url: policy.webhook.url, secrets } : { refusal: "the webhook has no secret" };
    },

    async after(delivery: TakenDelivery, url: string, sent: Sent, ms: number) {
      const { status, error } = sent;
      if (error === null) {
        this.count(delivery.clientId, "delivered");
        return this.record(delivery, { status, error, ms, next: { state: "delivered" } });
      }
      // The stop of this node ended the attempt. The delivery is due at once, for another node or for this one once
      // restarted.
      if (status === null && this.stopping.signal.aborted)
        return this.record(delivery, { status, error, ms, next: { state: "pending", inMs: 0, isTry: false } });
      const inMs = status === GONE ? null : delayAfter(delivery.tries, sent.retryAfterMs, this.settings.delaysMs);
      if (inMs === null) await this.tellLost(delivery, status);
      this.count(delivery.clientId, inMs === null ? "failed" : "retried");
      const next = inMs === null ? ({ state: "failed" } as const) : ({ state: "pending", inMs, isTry: true } as const);
      await this.record(delivery, { status, error, ms, next });
      if (status === GONE) await this.turnOff(delivery.clientId, url);
    },

    count(clientId: number, outcome: Outcome, by = 1) {
      this.deliveries.add(outcome, by);
      tallyOf(this.broker).add(tallied[outcome], by, clientId);
    },

    /**
     * Notes an alert that a delivery has failed. The alert is noted before the last attempt is recorded: if the node
     * dies in between, the attempt is repeated and noted again, so no alert is lost.
     */
    async tellLost({ publicId, clientId, event, body }: TakenDelivery, status: number | null, code?: string) {
      if (!hasAlerts(this.broker)) return;
      const { subject: batchId } = JSON.parse(body) as CloudEvent;
      const about = { clientId, batchId, event, deliveryId: publicId, status, ...(code && { code }) };
      await this.noteLost({ publicId, about });
    },

    /**
     * Notes an alert. Throws only unavailable, because recording the attempt would fail too. Any other error is only
     * logged, so that the attempt is still recorded.
     */
    async noteLost(note: Omit<AlertNote, "kind">) {
      await this.database.store.noteAlert({ kind: "delivery_failed", ...note }).catch((error: unknown) => {
        if (isUnavailable(error)) throw error;
        this.logger.warn("An alert about a lost delivery could not be noted:", error);
      });
    },

    async record(delivery: TakenDelivery, attempt: Omit<AttemptRecord, "id" | "claim">) {
      const { id, claim } = delivery;
      await this.database.deliveries.recordAttempt({ id, claim, ...attempt });
      attemptTold(this.logger, delivery, attempt);
    },

    /**
     * Turns the webhook off, because its receiver answered 410. If the second step is lost, each waiting delivery finds
     * no webhook by itself.
     */
    async turnOff(clientId: number, url: string) {
      if (!(await actors.policy.turnWebhookOff(this.broker, { clientId, url }))) return;
      const client = await actors.clientCache.get(this.broker, { id: clientId });
      this.logger.warn(`A receiver answered 410: the webhook of client ${client?.publicId} is turned off.`);
      const error = "the receiver is gone (410): the webhook was turned off";
      const failed = await this.database.deliveries.failDeliveries(clientId, error);
      if (failed === 0) return;
      this.count(clientId, "failed", failed);
      const about = { clientId, code: error, times: failed };
      if (hasAlerts(this.broker)) await this.noteLost({ publicId: uuidv7(), about });
    },
  },

  async drain() {
    const patience = setTimeout(() => this.stopping.abort(), configOf(this.broker).shutdownTimeoutMs * PATIENCE);
    await Promise.all([this.endSchedules(), this.loop.end()]);
    clearTimeout(patience);
  },

  actions: {
    /** Starts sending due deliveries, and does not wait for them. */
    wake() {
      void this.loop.wake();
    },
    list(ctx) {
      return this.database.deliveries.listDeliveries(ctx.params);
    },
    ...deliveryHandlers,
  },

  async started() {
    if (this.database.isEmbedded) await this.database.deliveries.voidClaims();
    const pollMs = Math.min(configOf(this.broker).pollIntervalMs, POLL_MS);
    const poll = this.schedule("Polling for deliveries", pollMs, () => this.loop.wake(), 0.2);
    this.broker.localBus.once("$broker.started", poll);
  },
  async stopped() {
    // If the start has failed midway, `drain` has not run, so the sends end here.
    this.stopping.abort();
    await this.loop.end();
  },
});
