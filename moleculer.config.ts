/** What differs from Moleculer's defaults, and why. */
import type { BrokerOptions, ServiceBroker } from "moleculer";
import { type Config, exitOnFault, processConfig, useConfig } from "./config.ts";
import { drainMiddleware } from "./mixins/drain.ts";

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
    middlewares: [drainMiddleware],
    created: (broker: ServiceBroker) => useConfig(broker, config),
  };
}

function ownOptions(): BrokerOptions {
  // The runner reads SERVICES itself, as files or folders below SERVICEDIR.
  return { ...brokerOptions(exitOnFault(processConfig)), started: requireServices };
}

/** A node that found no service would start, do nothing, and look well. */
async function requireServices(broker: ServiceBroker): Promise<void> {
  if (broker.services.every(({ name }) => name.startsWith("$")))
    throw new Error("SERVICES: no service was found below services/; start in the folder of package.json.");
}

export default ownOptions();
