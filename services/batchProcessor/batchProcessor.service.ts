/**
 * The worker. A token on the queue, a poll, or a slot that frees wakes it; it then chooses fairly, takes the lock, claims,
 * and works each batch chunk by chunk until it ends, is taken away, or has to be handed back. It owns no table: all it
 * writes goes through `batch`, under the fence of its claim. Killed at any moment, it loses nothing and repeats nothing.
 */
import type { Service } from "moleculer";
import { configOf } from "../../config.ts";
import { define } from "../../mixins/define.ts";
import { partnersMixin } from "../../mixins/partners.ts";
import { QUEUE_CHANGED, type QueueChannel, type QueueMessage, queueMixin, type WithQueue } from "../../mixins/queue.ts";
import { scheduleMixin, type WithSchedule } from "../../mixins/schedule.ts";
import { type BatchRow, type Claimed, SWEPT } from "../batch/batch.contract.ts";
import { isProblem } from "../errors.ts";
import { call, type ParamsOf, serve } from "../messages.ts";
import { Adrift } from "./batchProcessor.adrift.ts";
import type { WorkerStatus } from "./batchProcessor.contract.ts";
import { LeaseKeeper } from "./batchProcessor.leases.ts";
import { loadHandlers } from "./batchProcessor.load.ts";
import { type Started, WorkLoop } from "./batchProcessor.loop.ts";
import { RemoteNodes } from "./batchProcessor.nodes.ts";
import { type Ended, Run } from "./batchProcessor.run.ts";
import { Snoozed } from "./batchProcessor.snoozed.ts";
import { type Claimable, takeToken } from "./batchProcessor.tokens.ts";
import { Validators } from "./batchProcessor.validators.ts";

/** A lock that this worker holds. */
type Lock = ParamsOf<"batchLock.release">;

type BatchProcessor = Service &
  WithSchedule &
  WithQueue & {
    owner: string;
    loop: WorkLoop<Claimable>;
    leases: LeaseKeeper;
    /** Batches that run here, each with what ends it. */
    running: Map<string, AbortController>;
    adrift: Adrift;
    nodes: RemoteNodes;
    snoozed: Snoozed;
    validators: Validators;
    isStopping: boolean;
    status(): WorkerStatus;
    start(candidate: Claimable): Promise<Started | null>;
    run(claimed: Claimed, lock: Lock | null): Promise<void>;
    work(claimed: Claimed, lost: AbortSignal): Promise<void>;
    parts(batch: BatchRow, lost: AbortSignal): Promise<ConstructorParameters<typeof Run>[0]>;
    over(run: Run, ended: Ended): Promise<void>;
    keepLock(lock: Lock): () => Promise<void>;
    unlock(lock: Lock): Promise<void>;
    abandon(): void;
    drain(): Promise<void>;
  };

/** Without tokens nothing tells of work that became ready; a query a second is cheap. */
const POLL_WITHOUT_TOKENS_MS = 1_000;
/** Of SHUTDOWN_TIMEOUT: then a handler that has not answered is not waited for any more. */
const PATIENCE = 0.6;

export default define<BatchProcessor>({
  name: "batchProcessor",
  // The last starts first: a message that came before the node's own partners would be worked through another node's.
  mixins: [scheduleMixin, queueMixin, partnersMixin("batch", "batchLock", "policy", "clientCache", "outbox")],

  AMQPQueues: {
    "batch.ready"(this: BatchProcessor, channel: QueueChannel, message: QueueMessage) {
      return takeToken(this, channel, message);
    },
  },

  events: {
    "$services.changed"(this: BatchProcessor) {
      this.snoozed.servicesChanged();
    },
  },

  actions: serve<BatchProcessor, "batchProcessor">("batchProcessor", {
    status() {
      return this.status();
    },
    pause() {
      this.loop.pause();
      this.logger.warn("Paused by an operator: nothing is claimed until it is resumed.");
      return this.status();
    },
    resume() {
      this.loop.resume();
      this.logger.warn("Resumed by an operator.");
      return this.status();
    },
  }),

  created() {
    const config = configOf(this.broker);
    this.owner = `${this.broker.nodeID}:${this.broker.instanceID}`;
    this.running = new Map();
    this.adrift = new Adrift(this.broker, this.owner);
    this.nodes = new RemoteNodes(this.broker);
    this.snoozed = new Snoozed(this.broker);
    this.validators = new Validators();
    this.isStopping = false;
    this.leases = new LeaseKeeper(config.batchLeaseMs, (ids) =>
      call(this.broker, "batch.extendLeases", { owner: this.owner, ids }),
    );
    this.loop = new WorkLoop<Claimable>({
      slots: config.workerConcurrency,
      candidates: (limit) => call(this.broker, "batch.candidates", { limit }),
      start: (candidate) => this.start(candidate),
      failed: (error) => this.logger.warn("Claiming failed, the next poll tries again:", error),
      hasRoom: () => void this.resumeAMQPQueue("batch.ready").catch(() => this.logger.warn("The queue stays paused.")),
    });
  },

  methods: {
    status(this: BatchProcessor): WorkerStatus {
      const { workerConcurrency: slots } = configOf(this.broker);
      return { paused: this.loop.isPaused, slots, running: [...this.running.keys()] };
    },

    /** Lock, then claim. Null: another was faster. */
    async start(this: BatchProcessor, { id, publicId: batchId, fence }: Claimable) {
      const got = await call(this.broker, "batchLock.acquire", { batchId, fence });
      if (got.outcome === "busy") return null;
      const lock = got.outcome === "acquired" ? { batchId, fence, token: got.token } : null;
      let claimed: Claimed | null = null;
      try {
        claimed = await call(this.broker, "batch.claim", { id, owner: this.owner });
      } catch (error) {
        this.adrift.add(batchId);
        throw error;
      } finally {
        if (!claimed && lock) await this.unlock(lock);
      }
      return claimed && { end: this.run(claimed, lock) };
    },

    /** A lock that cannot be given back lapses. */
    async unlock(this: BatchProcessor, lock: Lock) {
      await call(this.broker, "batchLock.release", lock).catch(() => {});
    },

    /** Everything around the work of a claimed batch. Never rejects. */
    async run(this: BatchProcessor, claimed: Claimed, lock: Lock | null) {
      const { id, publicId: batchId, fence } = claimed.batch;
      const abort = new AbortController();
      const letGo = lock ? this.keepLock(lock) : async () => {};
      // At once: what the run waits for may hang, and who holds the batch now must not wait for our lock.
      abort.signal.addEventListener("abort", () => void letGo());
      this.running.set(batchId, abort);
      this.leases.hold({ id, fence, lose: (why) => abort.abort(why) });
      try {
        await this.work(claimed, abort.signal);
      } catch (error) {
        this.adrift.add(batchId);
        this.logger.error(`The run of batch ${batchId} broke off:`, error);
      } finally {
        this.leases.drop(id);
        this.running.delete(batchId);
        await letGo();
      }
    },

    async work(this: BatchProcessor, claimed: Claimed, lost: AbortSignal) {
      const run = new Run(await this.parts(claimed.batch, lost), claimed);
      try {
        await this.over(run, await run.work());
      } catch (error) {
        if (isProblem(error, "unavailable")) throw error;
        this.logger.error(`Batch ${claimed.batch.publicId} failed at chunk ${run.current.nextChunk}:`, error);
        await this.over(run, run.again({ code: "internal", detail: "an internal error" }));
      }
    },

    async parts(this: BatchProcessor, batch: BatchRow, lost: AbortSignal) {
      const { clientId, policyVersion: version } = batch;
      const { policy } = await call(this.broker, "policy.version", { clientId, version });
      const client = await call(this.broker, "clientCache.get", { id: clientId });
      return {
        broker: this.broker,
        nodes: this.nodes,
        policy,
        clientPublicId: client?.publicId ?? "",
        validator: () => this.validators.of(batch, policy),
        sliceMs: configOf(this.broker).batchSliceMs,
        lost,
        isStopping: () => this.isStopping,
        committed: () => this.leases.renewed(batch.id),
        handlerFailed: (reason: string) =>
          this.logger.warn(`Batch ${batch.publicId}: ${policy.handler} failed: ${reason}`),
      };
    },

    async over(this: BatchProcessor, run: Run, ended: Ended) {
      const { publicId: batchId } = run.current;
      if (ended.outcome === "ended") return;
      if (ended.outcome === "lost") {
        this.adrift.add(batchId);
        this.logger.warn(`Batch ${batchId} is no longer ours: it was cancelled, or its work goes on elsewhere.`);
        if (!this.isStopping) return;
        // Abandoned by our own stop: it may still be ours to hand back; under a raised fence this does nothing.
        ended = { outcome: "handBack", delayMs: 0 };
      }
      this.logger.debug(`Batch ${batchId}:`, ended);
      if (!(await this.snoozed.letGo(run.current, ended))) this.adrift.add(batchId);
    },

    /** Extends the lock apart from the work, until the answer gives it back. A lost one makes us look at the fence at once; the fence decides. */
    keepLock(this: BatchProcessor, lock: Lock) {
      const { redisLockTimeoutMs } = configOf(this.broker);
      const timer = setInterval(async () => {
        const isHeld = await call(this.broker, "batchLock.extend", lock).catch(() => false);
        if (!isHeld) await this.leases.renew();
      }, redisLockTimeoutMs / 3);
      return () => {
        clearInterval(timer);
        return this.unlock(lock);
      };
    },

    /** Handlers that do not answer in time keep no node from stopping; their chunk comes again elsewhere. */
    abandon(this: BatchProcessor) {
      for (const abort of this.running.values()) abort.abort("the node stops");
    },

    async drain(this: BatchProcessor) {
      this.isStopping = true;
      const patience = setTimeout(() => this.abandon(), configOf(this.broker).shutdownTimeoutMs * PATIENCE);
      const ended = this.loop.end();
      await this.pauseAMQPQueue("batch.ready");
      await ended;
      clearTimeout(patience);
      await this.endSchedules();
    },
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
    // Where no token tells of a batch that was taken from a dead worker, the longest poll would be too late.
    this.broker.localBus.on(SWEPT, poll);
    this.schedule("Renewing leases", config.batchLeaseMs / 3, async () => {
      await this.leases.renew();
      await this.adrift.handBack((batchId) => this.running.has(batchId));
    });
    this.broker.localBus.once("$broker.started", poll);
  },
});
