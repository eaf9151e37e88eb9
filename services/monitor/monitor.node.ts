/**
 * The health, metrics and figures of a node. Every node has this service, whatever SERVICES says, so moleculer.config.ts
 * creates it; the runner, which loads `*.service.ts`, does not. The api serves its answers over HTTP; a node without the
 * api opens a port for it. It answers also while the database is away, and keeps no state but its last answers.
 */
import type { ServiceBroker, ServiceSchema } from "moleculer";
import { configOf } from "../../config/config.ts";
import { Recent } from "../../lib/batching/recent.ts";
import { readWhenAsked } from "../../lib/metrics/figures.ts";
import { version } from "../../lib/version.ts";
import { fields } from "../../mixins/define.ts";
import { auditing, noted } from "../audits.ts";
import { defineActor } from "../define.ts";
import type { AnswerOf } from "../messages.ts";
import { tallyOf } from "../tally.ts";
import { aboutOf, allAbout, handlersOf } from "./monitor.about.ts";
import type { SystemStats } from "./monitor.contract.ts";
import { figuresOf, recentOfAll, statsOf } from "./monitor.figures.ts";
import { Health } from "./monitor.health.ts";
import { Paced } from "./monitor.paced.ts";
import { MonitorPort } from "./monitor.port.ts";
import { ProcessUse } from "./monitor.process.ts";
import { openMetricsText, prometheusText } from "./monitor.prometheus.ts";
import { Queue } from "./monitor.queue.ts";
import { TableDatabases } from "./monitor.tables.ts";
import { usageOf } from "./monitor.usage.ts";
import { claimantsOf, flushCaches, turnWorker } from "./monitor.workers.ts";

/** How long an answer is reused: it costs a few ms of the event loop, and anybody may call it. */
const METRICS_EVERY_MS = 1_000;

interface State {
  queue: Queue;
  health: Health;
  /** /metrics in its two formats. */
  text: Paced<string>;
  openMetrics: Paced<string>;
  /** Shared by all who ask at the same time. */
  stats: Recent<SystemStats>;
  calmStats: Recent<SystemStats>;
  use: ProcessUse;
  port: MonitorPort | null;
}

export const monitor = (): ServiceSchema =>
  defineActor({
    name: "monitor",
    state: fields<State>(),

    created() {
      this.queue = new Queue(this.broker);
      const tables = new TableDatabases(this.broker);
      this.health = new Health(this.broker, tables);
      const metrics = (textOf: (broker: ServiceBroker) => Promise<string>) =>
        new Paced(METRICS_EVERY_MS, async () => {
          // The other metrics show that the database is away or slow.
          await Promise.all([this.queue.fresh().catch(() => {}), tables.fresh()]);
          return textOf(this.broker);
        });
      this.text = metrics(prometheusText);
      this.openMetrics = metrics(openMetricsText);
      const stats = async (queueNow: Promise<AnswerOf<"batch.stats">>) => {
        const [queue, readiness] = await Promise.all([queueNow, this.health.readiness(true)]);
        return statsOf(this.broker, queue, readiness);
      };
      this.stats = new Recent(
        () => stats(this.queue.fresh()),
        () => 0,
      );
      this.calmStats = new Recent(
        () => stats(this.queue.calm()),
        () => 0,
      );
      this.use = new ProcessUse();
      this.port = null;
      tellOfProcess(this.broker);
    },

    actions: {
      figures() {
        return figuresOf(this.broker, this.use);
      },
      recent(ctx) {
        return tallyOf(this.broker).recent(ctx.params.stepMs);
      },
      recentOfAll(ctx) {
        return recentOfAll(this.broker, ctx.params.stepMs);
      },
      metrics(ctx) {
        return (ctx.params.isOpenMetrics ? this.openMetrics : this.text).get();
      },
      ready() {
        return this.health.readiness();
      },
      stats(ctx) {
        return (ctx.params.isCalm ? this.calmStats : this.stats).get();
      },
      async system() {
        return { ...aboutOf(this.broker), nodes: await allAbout(this.broker) };
      },
      handlers() {
        return handlersOf(this.broker);
      },
      turnWorker(ctx) {
        return turnWorker({ broker: this.broker, asking: ctx }, ctx.params.node, ctx.params.how);
      },
      claimants() {
        return claimantsOf(this.broker);
      },
      usage(ctx) {
        return usageOf(ctx, ctx.params.client, ctx.params.policy);
      },
      about() {
        return aboutOf(this.broker);
      },
      async flush(ctx) {
        const flushed = await flushCaches(this.broker);
        const subject = { type: null, id: null, name: null };
        await noted(this.broker, auditing(ctx)({ action: "caches.flush", subject, change: { redis: flushed.redis } }));
        return flushed;
      },
    },

    async started() {
      const { metricsPort, host } = configOf(this.broker);
      if (metricsPort === null) return;
      this.port = new MonitorPort(this.broker);
      const port = await this.port.listen(metricsPort, host);
      this.logger.info(`Health and metrics are on http://${host}:${port}`);
    },
    async stopped() {
      await this.port?.close();
    },
  });

/**
 * Metrics of the process, with the names that Node.js dashboards use. They are read at a scrape. prom-client's own set would also
 * sample the event loop every 10 ms and observe each garbage collection, and it lacks the loop's utilization.
 */
export function tellOfProcess(broker: ServiceBroker): void {
  const tell = (type: "gauge" | "counter", name: string, help: string, read: () => number) =>
    readWhenAsked(broker, { type, name, help }, () => [{ value: read() }]);
  const build = { type: "gauge", name: "dataflow_build_info", help: "1, for the version of the node." } as const;
  readWhenAsked(broker, { ...build, labelNames: ["version"] }, () => [{ value: 1, labels: { version } }]);
  const startedAt = Math.round(performance.timeOrigin) / 1000;
  tell("gauge", "process_start_time_seconds", "When the process started.", () => startedAt);
  tell("counter", "process_cpu_seconds_total", "CPU time of the process.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  tell("gauge", "process_resident_memory_bytes", "Memory of the process.", () => process.memoryUsage.rss());
  tell("gauge", "nodejs_heap_size_used_bytes", "Heap in use.", () => process.memoryUsage().heapUsed);
  const use = new ProcessUse();
  tell(
    "gauge",
    "nodejs_eventloop_utilization",
    "Share of time that the event loop was busy since asked last, at least 1 s ago.",
    () => use.figures().eventLoop,
  );
}
