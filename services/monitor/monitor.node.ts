/**
 * The health, metrics and figures of a node. Every node runs it, whatever SERVICES says, so it is no `*.service.ts` that the runner
 * would load: moleculer.config.ts creates it. The api serves its answers; on a node without one it has a port of its own.
 * It keeps no state but what it has just read, and answers also while the database is away.
 */
import type { ServiceSchema } from "moleculer";
import { configOf } from "../../config/config.ts";
import { fields } from "../../mixins/define.ts";
import { defineActor } from "../define.ts";
import { figuresOf, statsOf } from "./monitor.figures.ts";
import { Health } from "./monitor.health.ts";
import { Paced } from "./monitor.paced.ts";
import { MonitorPort } from "./monitor.port.ts";
import { tellOfProcess } from "./monitor.process.ts";
import { prometheusText } from "./monitor.prometheus.ts";
import { Queue } from "./monitor.queue.ts";

/** How long an answer is reused: it costs a few ms of the event loop, and anybody may ask. */
const METRICS_EVERY_MS = 1_000;

interface State {
  queue: Queue;
  health: Health;
  /** /metrics. */
  text: Paced<string>;
  port: MonitorPort | null;
}

export const monitor = (): ServiceSchema =>
  defineActor({
    name: "monitor",
    state: fields<State>(),

    created() {
      this.queue = new Queue(this.broker);
      this.health = new Health(this.broker);
      this.text = new Paced(METRICS_EVERY_MS, async () => {
        // The figures show that the database is away or slow.
        await this.queue.fresh().catch(() => {});
        return prometheusText(this.broker);
      });
      this.port = null;
      tellOfProcess(this.broker);
    },

    actions: {
      figures() {
        return figuresOf(this.broker);
      },
      metrics() {
        return this.text.get();
      },
      ready() {
        return this.health.readiness();
      },
      async stats() {
        return statsOf(this.broker, await this.queue.fresh());
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
