/** What differs from Moleculer's defaults, and why. */
import type { BrokerOptions, ServiceBroker } from "moleculer";
import { type Config, exitOnFault, processConfig, useConfig } from "./config.ts";
import { drainMiddleware } from "./mixins/drain.ts";
import { meteringMiddleware } from "./mixins/metering.ts";
import { monitor } from "./services/monitor/monitor.node.ts";

/** The broker of a node with these settings. */
export function brokerOptions(config: Config): BrokerOptions {
  return {
    namespace: config.namespace,
    logger: {
      type: "Console",
      options: { formatter: config.logFormat === "json" ? "json" : "short", level: config.logLevel },
    },
    // A call on the hot path is local: a body or a chunk must not cross the transporter.
    registry: { preferLocal: true },
    // Moleculer's default is none, and a lost answer would wait for ever. Uploads set their own.
    requestTimeout: 30_000,
    // Copying would cost each chunk its size again.
    contextParamsCloning: false,
    tracking: { enabled: false },
    // What a process weighs is read when somebody asks (mixins/process.ts), not every 5 s. No quantiles: Moleculer would
    // keep every duration of a minute for them.
    metrics: { enabled: true, collectProcessMetrics: false, defaultQuantiles: null as unknown as number[] },
    middlewares: [meteringMiddleware, drainMiddleware],
    created(broker: ServiceBroker) {
      useConfig(broker, config);
      broker.createService(monitor());
    },
  };
}

function ownOptions(): BrokerOptions {
  const config = exitOnFault(processConfig);
  // The runner reads SERVICES itself, as files or folders below SERVICEDIR.
  return brokerOptions(config);
}

export default ownOptions();
