/**
 * The worker. A token on the queue, a poll, or a slot that frees wakes it; it then chooses fairly, takes the lock, claims,
 * and works each batch chunk by chunk until it ends, is taken away, or has to be handed back. It moves no state: claims,
 * commits and outcomes go through `batch`, under the fence of the claim. Killed at any moment, it loses nothing and repeats
 * nothing.
 */

import { configOf } from "../../config/config.ts";
import { type Reading, readWhenAsked } from "../../lib/metrics/figures.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { partnersMixin } from "../../mixins/partners.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { tablesMixin } from "../../mixins/tables.ts";
import { actors } from "../actors.ts";
import { type Auditing, auditing, named, noted } from "../audits.ts";
import { SWEPT } from "../batch/batch.contract.ts";
import { defineActor } from "../define.ts";
import { QUEUE_CHANGED, type QueueChannel, type QueueMessage, queueMixin } from "../messages.ts";
import type { WorkerStatus } from "./batchProcessor.contract.ts";
import { Executor, GROUP_MS } from "./batchProcessor.executor.ts";
import { WorkerFigures } from "./batchProcessor.figures.ts";
import { LeaseKeeper } from "./batchProcessor.leases.ts";
import { loadHandlers } from "./batchProcessor.load.ts";
import { WorkLoop } from "./batchProcessor.loop.ts";
import { RemoteNodes } from "./batchProcessor.nodes.ts";
import { Sizes } from "./batchProcessor.sizes.ts";
import { TablePlans } from "./batchProcessor.tables.ts";
import { takeToken } from "./batchProcessor.tokens.ts";
import { MOST_TOGETHER, type Unit, unitsOf } from "./batchProcessor.units.ts";
import { Validators } from "./batchProcessor.validators.ts";

interface State {
  loop: WorkLoop<Unit>;
  leases: LeaseKeeper;
  executor: Executor;
  sizes: Sizes;
  isStopping: boolean;
  /** Set while small batches wait for the next group. */
  lookAgain: NodeJS.Timeout | undefined;
}

/** The poll interval without tokens. A query each second is cheap. */
const POLL_WITHOUT_TOKENS_MS = 1_000;
/** Part of SHUTDOWN_TIMEOUT. After it a stop no longer waits for handlers. */
const PATIENCE = 0.6;

const places = {
  name: "dataflow_worker_slots",
  help: "Places for batches of this worker, by what they do.",
  type: "gauge",
  labelNames: ["state"],
} as const;

export default defineActor({
  name: "batchProcessor",
  // The last mixin starts first. The queue must start after this node's own services: otherwise the calls for an early message would go
  // to another node.
  mixins: [
    scheduleMixin,
    queueMixin,
    databaseMixin,
    tablesMixin,
    partnersMixin("batch", "batchLock", "policy", "clientCache", "outbox"),
  ],
  state: fields<State>(),

  events: {
    "$services.changed"() {
      this.executor.snoozed.servicesChanged();
    },
  },

  methods: {
    status(): WorkerStatus {
      const { workerConcurrency: slots } = configOf(this.broker);
      return { paused: this.loop.isPaused, slots, running: this.executor.running };
    },

    /** A paused worker has no free places. */
    places(): Reading[] {
      const { busy, isPaused } = this.loop;
      const rest = Math.max(0, configOf(this.broker).workerConcurrency - busy);
      const found = { busy, free: isPaused ? 0 : rest, paused: isPaused ? rest : 0 };
      return Object.entries(found).map(([state, value]) => ({ value, labels: { state } }));
    },

    note(audit: Auditing, action: "node.pause" | "node.resume") {
      return noted(this.broker, audit({ action, subject: named("node", this.broker.nodeID) }));
    },

    async look(slots: number) {
      const candidates = await this.database.store.candidates(slots, MOST_TOGETHER);
      const look = unitsOf(await this.sizes.of(candidates), { slots, isGrouping: this.executor.isGrouping });
      if (look.isLeft && !this.isStopping) this.lookAgain ??= setTimeout(() => this.wakeAgain(), GROUP_MS);
      return look;
    },

    /** A fallback: usually the end of the group has already woken the loop. */
    wakeAgain() {
      this.lookAgain = undefined;
      void this.loop.wake();
    },

    /** Consumes tokens again. Never rejects: until it succeeds, the worker polls. */
    async resumeQueue() {
      await this.resumeAMQPQueue("batch.ready").catch((error: unknown) =>
        this.logger.warn("The queue of tokens stays paused, the worker polls:", error),
      );
    },

    /** Sends a token for other workers. */
    passOn() {
      actors.outbox
        .wake(this.broker, {})
        .catch((error: unknown) => this.logger.debug("Waking failed; the work is found by polling:", error));
    },
  },

  async drain() {
    this.isStopping = true;
    const patience = setTimeout(() => this.executor.abandon(), configOf(this.broker).shutdownTimeoutMs * PATIENCE);
    const ended = this.loop.end();
    await this.pauseAMQPQueue("batch.ready");
    await ended;
    clearTimeout(patience);
    clearTimeout(this.lookAgain);
    await this.endSchedules();
    // If RabbitMQ is frozen, the queue takes seconds to close. The databases close at the same time, not after it.
    await this.releaseTables();
    await this.releaseDatabase();
  },

  AMQPQueues: {
    "batch.ready"(channel: QueueChannel, message: QueueMessage) {
      return takeToken(this, channel, message);
    },
  },

  actions: {
    status() {
      return this.status();
    },
    async pause(ctx) {
      this.loop.pause();
      this.logger.warn("An operator has paused this worker: it claims no batch until it is resumed.");
      await this.note(auditing(ctx), "node.pause");
      return this.status();
    },
    async resume(ctx) {
      this.loop.resume();
      this.logger.warn("An operator has resumed this worker: it claims batches again.");
      await this.note(auditing(ctx), "node.resume");
      return this.status();
    },
  },

  created() {
    const config = configOf(this.broker);
    const owner = `${this.broker.nodeID}:${this.broker.instanceID}`;
    this.isStopping = false;
    const { batchLeaseMs: leaseMs } = config;
    this.leases = new LeaseKeeper(leaseMs, (ids) => this.database.store.extendLeases(owner, ids, leaseMs));
    this.sizes = new Sizes(this.broker);
    this.executor = new Executor({
      broker: this.broker,
      work: () => this.database.store,
      logger: this.logger,
      owner,
      leases: this.leases,
      nodes: new RemoteNodes(this.broker),
      validators: new Validators(),
      tables: new TablePlans(() => this.tables),
      figures: new WorkerFigures(this.broker),
      sliceMs: config.batchSliceMs,
      extendLockMs: config.redisLockTimeoutMs / 3,
      isStopping: () => this.isStopping,
      wake: () => void this.loop.wake(),
    });
    this.loop = new WorkLoop<Unit>({
      slots: config.workerConcurrency,
      look: (limit) => this.look(limit),
      start: (unit) => this.executor.start(unit),
      failed: (error) => this.logger.warn("Claiming failed, the next poll tries again:", error),
      hasRoom: () => void this.resumeQueue(),
      passOn: () => this.passOn(),
    });
    readWhenAsked(this.broker, places, () => this.places());
  },

  async started() {
    const config = configOf(this.broker);
    await loadHandlers(this.broker, config.handlersDir);
    const pollMs = () =>
      config.amqpUrls.length > 0 && this.isAMQPQueueUp("batch.ready")
        ? config.pollIntervalMs
        : Math.min(config.pollIntervalMs, POLL_WITHOUT_TOKENS_MS);
    const poll = this.schedule("The poll", pollMs, () => this.loop.wake(), 0.1);
    this.broker.localBus.on(QUEUE_CHANGED, poll);
    // A batch that was taken from a dead worker may have no token, and the longest poll interval would be too late for it.
    this.broker.localBus.on(SWEPT, poll);
    this.schedule("Renewing leases", config.batchLeaseMs / 3, async () => {
      await this.leases.renew();
      await this.executor.handBackOrphans();
    });
    this.broker.localBus.once("$broker.started", poll);
  },
});
