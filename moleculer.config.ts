/** What differs from Moleculer's defaults, and why. */
import type { BrokerOptions, ServiceBroker, TracerOptions } from "moleculer";
import { type Config, ConfigError, configOf, exitOnFault, processConfig, useConfig } from "./config/config.ts";
import { serviceNames } from "./config/settings.ts";
import { CONNECT_TIMEOUT_MS, rabbitMiddleware } from "./lib/amqp/start.ts";
import { AmqpTransporter } from "./lib/amqp/transporter.ts";
import { SafeLogger } from "./lib/log/logger.ts";
import { circuitsOnRequest, type Runner, readNoEnvironment } from "./lib/moleculer.ts";
import { ZipkinExporter } from "./lib/zipkin.ts";
import { drainMiddleware } from "./middlewares/drain.ts";
import { internalMiddlewares } from "./middlewares/metering.ts";
import { eventFault } from "./services/messages.ts";
import { monitor } from "./services/monitor/monitor.node.ts";

/** The broker of a node with these settings. */
export function brokerOptions(config: Config): BrokerOptions {
  return {
    namespace: config.namespace,
    logger: new SafeLogger({ format: config.logFormat, level: config.logLevel }),
    transporter: config.amqpUrls.length > 0 ? amqpTransporter(config.amqpUrls) : null,
    // A call on the hot path is local: a body or a chunk must not cross the transporter.
    registry: { preferLocal: true },
    // Moleculer's default is none, and a lost answer would wait for ever. Uploads set their own.
    requestTimeout: 30_000,
    // Copying would cost each chunk its size again.
    contextParamsCloning: false,
    tracking: { enabled: false },
    // What a process weighs is read when somebody asks (services/monitor/monitor.process.ts), not every 5 s. No quantiles:
    // Moleculer would keep every duration of a minute for them.
    metrics: { enabled: true, collectProcessMetrics: false, defaultQuantiles: null as unknown as number[] },
    // What circuit breakers stand on, which Moleculer makes only where all actions have one. See `created`.
    circuitBreaker: { enabled: true },
    tracing: tracing(config.tracingUrl),
    // Moleculer's own come behind these, so they stand in the list.
    internalMiddlewares: false,
    middlewares: [rabbitMiddleware, drainMiddleware, ...internalMiddlewares],
    created(broker: ServiceBroker) {
      useConfig(broker, config);
      circuitsOnRequest(broker);
      broker.createService(monitor());
    },
  };
}

/** Names, times and errors of calls alone: what they carry is the partners', and secrets are among it. */
function tracing(baseURL: string | null): TracerOptions {
  if (baseURL === null) return { enabled: false };
  return {
    enabled: true,
    // Their types leave out that an exporter may be one of our own.
    exporter: new ZipkinExporter({ baseURL }) as unknown as TracerOptions["exporter"],
    tags: { action: { params: false } },
    // As many as Moleculer's own list has, which would fill up a shorter one with its last: `data`.
    errorFields: ["name", "message", "code", "type", "retryable"],
  };
}

/** Seconds. Two of them without a byte and a link is taken for dead; RabbitMQ's own default of 60 would be two minutes. */
const HEARTBEAT = 5;

function amqpTransporter(urls: readonly string[]) {
  const options = {
    // One after the other, each time the link is lost.
    url: urls.map(withHeartbeat),
    // Moleculer's default of 1 deadlocks streamed calls and makes a node answer one request at a time.
    prefetch: 0,
    // Without it Nagle's algorithm holds small packets back: 548 calls a second instead of 11,000.
    socketOptions: { noDelay: true, timeout: CONNECT_TIMEOUT_MS },
  };
  return new AmqpTransporter(options, eventFault);
}

function withHeartbeat(text: string): string {
  const url = new URL(text);
  if (!url.searchParams.has("heartbeat")) url.searchParams.set("heartbeat", String(HEARTBEAT));
  return url.href;
}

function ownOptions(): BrokerOptions {
  const config = exitOnFault(processConfig);
  // The runner reads SERVICES itself, as files or folders below SERVICEDIR.
  if (config.services) process.env.SERVICES = config.services.join(",");
  return { ...brokerOptions(config), started: requireServices };
}

/** The runner only warns of services that it does not find: the node would start, do nothing, and look well. */
async function requireServices(broker: ServiceBroker): Promise<void> {
  const missing = (configOf(broker).services ?? serviceNames).filter((name) => !broker.getLocalService(name));
  if (missing.length === 0) return;
  const expected = `${missing.join(", ")} below services/ (start in the folder of package.json)`;
  throw new ConfigError([{ name: "SERVICES", expected, found: "no such service there" }]);
}

/** Called by moleculer-runner. */
export default function forRunner(this: Runner): BrokerOptions {
  readNoEnvironment(this);
  return ownOptions();
}
