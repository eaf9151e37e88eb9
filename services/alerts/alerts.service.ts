/**
 * Tells the operators' chat (ALERT_WEBHOOK). What there is to tell is noted in the database by whoever makes it true. Each node looks
 * every other second whether a kind of alert is due, and the one that takes it makes a line of all its notes and sends it. The rows
 * in the database hold the pace of a line a minute, over all nodes and over restarts. A node that is killed while it sends leaves
 * the line to another one: it may then come twice. Without ALERT_WEBHOOK this service does nothing.
 */
import { configOf } from "../../config/config.ts";
import { Problem } from "../../lib/errors.ts";
import { type Counter, counter } from "../../lib/metrics/figures.ts";
import { delayAfter } from "../../lib/net/retries.ts";
import { type Sent, send } from "../../lib/net/send.ts";
import { version } from "../../lib/version.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { actors } from "../actors.ts";
import { hasAlerts } from "../alerts.ts";
import { auditing, noted } from "../audits.ts";
import { oldestReadyMs } from "../batch/batch.reads.domain.ts";
import { defineActor } from "../define.ts";
import { uuidv7 } from "../ids.ts";
import {
  type AlertKind,
  type AlertTest,
  alertKinds,
  type Gathered,
  type NotedKind,
  type Pending,
  QUEUE,
  type QueueFault,
  type TakenAlert,
} from "./alerts.domain.ts";
import { gathered } from "./alerts.gathered.ts";
import { afterTold, queueStep } from "./alerts.queue.ts";
import { documentOf, fineLine, lateLine, lineOf, type Named, TEST_LINE } from "./alerts.text.ts";

type Outcome = "sent" | "retried" | "dropped";

interface State {
  /** Whether the rows of the kinds are there. */
  isOpen: boolean;
  lines: Counter<Outcome>;
  stopping: AbortController;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** The time limit of one attempt, the same as of webhooks. */
const ATTEMPT_MS = 15_000;
/** Only the first two waits of webhooks are used, because news of ten hours ago is of no use in a chat. */
const WAITS = 2;
/** A line that the chat has not taken for this long is given up. Webhooks are tried for as long. */
const KEPT_MS = 72 * HOUR_MS;
const NOTES_AT_ONCE = 500;
/** How many times notes are read for one line. Further notes wait for the next line. */
const MOST_READS = 40;
const PATIENCE = { timeout: 2_000 };
/** The default of NAMESPACE. It tells no system from another, so lines do not show it. */
const USUAL_NAMESPACE = "dataflow";

export default defineActor({
  name: "alerts",
  mixins: [databaseMixin, scheduleMixin],

  /** Tests may set others. `lineMs` is also the lease of a kind, so a line that a killed node has sent is sent again no sooner. */
  settings: { pollMs: 2_000, lineMs: MINUTE_MS, lookMs: 10_000, calmMs: MINUTE_MS, remindMs: HOUR_MS, keptMs: KEPT_MS },
  state: fields<State>(),

  created() {
    const figure = { name: "dataflow_alerts_total", help: "Lines for ALERT_WEBHOOK, by what came of them." };
    this.lines = counter(this.broker, figure, "outcome", ["sent", "retried", "dropped"]);
    this.stopping = new AbortController();
    this.isOpen = false;
  },

  methods: {
    async look() {
      if (!this.isOpen) await this.database.store.openAlerts(alertKinds);
      this.isOpen = true;
      const due = await this.database.store.dueAlerts(QUEUE);
      const looks = await Promise.allSettled(due.map((kind) => this.take(kind)));
      for (const look of looks) if (look.status === "rejected") throw look.reason;
    },

    async take(kind: AlertKind) {
      const taken = await this.database.store.takeAlert(kind, uuidv7(), this.settings.lineMs);
      if (!taken) return;
      await (kind === QUEUE ? this.tellOfQueue(taken) : this.tellOfNotes({ ...taken, kind }));
    },

    /** One unit adds the notes to `pending` and deletes them. Then the line is sent. So only a node that is killed can tell something twice. */
    async tellOfNotes(taken: TakenAlert & { kind: NotedKind }) {
      const { store } = this.database;
      let pending = taken.pending as Gathered | null;
      for (let reads = 0; reads < MOST_READS; reads++) {
        const notes = await store.alertNotes(taken.kind, NOTES_AT_ONCE);
        if (notes.length === 0) break;
        pending = gathered(pending, notes);
        const written = { ...taken, pending, dueInMs: null, notes: notes.map(({ publicId }) => publicId) };
        if (!(await store.writeAlert(written))) return;
      }
      if (!pending) return void (await this.leave(taken, null, 0));
      const now = await this.database.now();
      const named = await this.clients(pending.clients.map(([id]) => id));
      const sent = await this.post(lineOf(taken.kind, pending, named, now));
      const isOld = now - pending.from > this.settings.keptMs;
      if (sent.error !== null && isOld) {
        this.lines.add("dropped");
        this.logger.error(
          `An alert (${taken.kind}, ${pending.times} in all since ${new Date(pending.from).toISOString()}) is given up: ${sent.error}.`,
        );
        return this.leave(taken, null, this.settings.lineMs);
      }
      await this.settle(taken, sent, { sent: null, unsent: pending });
    },

    async tellOfQueue(taken: TakenAlert) {
      const stats = await actors.batch.stats(this.broker, {}, PATIENCE).catch(() => null);
      const before = taken.pending as QueueFault | null;
      const { lookMs, calmMs, remindMs } = this.settings;
      // The database is away. Health checks and metrics tell that, not the chat.
      if (!stats) return this.leave(taken, before, lookMs);
      const { alertQueueAgeMs: boundMs } = configOf(this.broker);
      const ageMs = oldestReadyMs(stats);
      const { fault, news } = queueStep(before, ageMs, stats.now, { boundMs, calmMs, remindMs });
      if (news === null) return this.leave(taken, fault, lookMs);
      const { batchId = "", clientId = 0 } = stats.oldestReady ?? {};
      const named = await this.clients([clientId]);
      const line =
        news === "fine"
          ? fineLine(fault?.worstMs ?? 0, boundMs)
          : lateLine({ batchId, clientId, ageMs: ageMs ?? 0 }, boundMs, named, news === "still late");
      const sent = await this.post(line);
      await this.settle(taken, sent, { sent: afterTold(fault, news, stats.now), unsent: fault });
    },

    /** Lets the kind go after an attempt: for a minute, or until the next try. */
    async settle(
      taken: TakenAlert,
      { error, retryAfterMs }: Sent,
      left: { sent: Pending | null; unsent: Pending | null },
    ) {
      if (error === null) {
        this.lines.add("sent");
        return this.leave(taken, left.sent, this.settings.lineMs);
      }
      if (this.stopping.signal.aborted) return this.leave(taken, left.unsent, 0, taken.tries);
      const tries = taken.tries + 1;
      const waitMs = delayAfter(Math.min(tries, WAITS), retryAfterMs) ?? this.settings.lineMs;
      this.lines.add("retried");
      this.logger.warn(
        `An alert (${taken.kind}) could not be sent to ${this.host()}: ${error}. It is tried again in ${Math.round(waitMs / 1_000)} s.`,
      );
      await this.leave(taken, left.unsent, waitMs, tries);
    },

    async leave(taken: TakenAlert, pending: Pending | null, dueInMs: number, tries = 0) {
      await this.database.store.writeAlert({ ...taken, pending, dueInMs, tries, notes: [] });
    },

    /** Never rejects. */
    post(line: string): Promise<Sent> {
      const { alertWebhook, consoleLabel, namespace, webhookAllowedHosts: allowedHosts } = configOf(this.broker);
      const system = consoleLabel ?? (namespace === USUAL_NAMESPACE ? null : namespace);
      const headers = { "content-type": "application/json; charset=utf-8", "user-agent": `DataFlow-Alerts/${version}` };
      const options = { allowedHosts, timeoutMs: ATTEMPT_MS, signal: this.stopping.signal };
      return send(new URL(alertWebhook ?? ""), headers, documentOf(system, line), options);
    },

    /** The rest of the URL is a secret. */
    host(): string {
      return new URL(configOf(this.broker).alertWebhook ?? "").host;
    },

    /** The names of these clients. A client that cannot be looked up now has none: a line without a name is better than a late one. */
    async clients(ids: number[]): Promise<Named> {
      const found = await Promise.all(
        [...new Set(ids)].map((id) => actors.clientCache.get(this.broker, { id }, PATIENCE).catch(() => null)),
      );
      const known = new Map(found.flatMap((client) => (client ? [[client.id, client] as const] : [])));
      return (id) => known.get(id) ?? null;
    },
  },

  actions: {
    /** A test takes no kind of alert, so it does not wait for other lines and does not delay them. */
    async test(ctx): Promise<AlertTest> {
      if (!hasAlerts(this.broker))
        throw new Problem("alerts-off", "ALERT_WEBHOOK is not set on this node, so it has no chat to tell.");
      const at = await this.database.now();
      const began = performance.now();
      const { status, error } = await this.post(TEST_LINE);
      const ms = Math.round(performance.now() - began);
      this.lines.add(error === null ? "sent" : "dropped");
      const change = { "/status": [null, status], "/error": [null, error] };
      await noted(
        this.broker,
        auditing(ctx)({ action: "alerts.test", subject: { type: null, id: null, name: null }, change }),
      );
      return { host: this.host(), at, status, error, ms };
    },
  },

  async drain() {
    this.stopping.abort();
    await this.endSchedules();
  },

  async started() {
    if (!hasAlerts(this.broker)) return;
    const look = this.schedule("Looking for alerts", this.settings.pollMs, () => this.look(), 0.2);
    this.broker.localBus.once("$broker.started", look);
  },
  async stopped() {
    // After a start that failed midway, `drain` has not run.
    this.stopping.abort();
  },
});
