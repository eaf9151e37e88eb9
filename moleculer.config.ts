/** What differs from Moleculer's defaults, and why. */
import { setFlagsFromString } from "node:v8";
import type { BrokerOptions, ServiceBroker } from "moleculer";
import { type Config, ConfigError, configOf, exitOnFault, processConfig, useConfig } from "./config/config.ts";
import { serviceNames } from "./config/services.ts";
import { CONNECT_TIMEOUT_MS, rabbitMiddleware } from "./lib/amqp/start.ts";
import { AmqpTransporter } from "./lib/amqp/transporter.ts";
import { SafeLogger } from "./lib/log/logger.ts";
import { circuitsOnRequest, type Runner, readNoEnvironment, registryCountedWhenAsked } from "./lib/moleculer.ts";
import { ParamsValidator } from "./lib/validator.ts";
import { tracing } from "./lib/zipkin.ts";
import { Discoverer, drainMiddleware } from "./middlewares/drain.ts";
import { internalMiddlewares } from "./middlewares/metering.ts";
import { tracesMiddleware } from "./middlewares/traces.ts";
import { eventFault } from "./services/messages.ts";
import { monitor } from "./services/monitor/monitor.node.ts";

/** The broker of a node with these settings. */
export function brokerOptions(config: Config): BrokerOptions {
  return {
    namespace: config.namespace,
    logger: new SafeLogger({ format: config.logFormat, level: config.logLevel }),
    transporter: config.amqpUrls.length > 0 ? amqpTransporter(config.amqpUrls) : null,
    // A call on the hot path is local: a body or a chunk must not cross the transporter.
    registry: { preferLocal: true, discoverer: new Discoverer() },
    // Moleculer's default is no timeout, so a call with a lost answer would wait for ever. Uploads set their own.
    requestTimeout: 30_000,
    // A copy of the params would double the memory of each chunk.
    contextParamsCloning: false,
    validator: new ParamsValidator(),
    tracking: { enabled: false },
    // Memory and CPU are read when somebody asks (services/monitor/monitor.node.ts), not every 5 s. No quantiles: Moleculer would
    // keep every duration of a minute for them. (Its types allow only a list, and with an empty one it keeps them too.)
    metrics: { enabled: true, collectProcessMetrics: false, defaultQuantiles: null as unknown as number[] },
    // Moleculer makes the metrics and timer of circuit breakers only if this is on. `created` then turns it off by default.
    circuitBreaker: { enabled: true },
    tracing: tracing(config.tracingUrl),
    // The list itself names Moleculer's own middlewares, so that they come after ours.
    internalMiddlewares: false,
    middlewares: [tracesMiddleware, rabbitMiddleware, drainMiddleware, ...internalMiddlewares],
    created(broker: ServiceBroker) {
      useConfig(broker, config);
      circuitsOnRequest(broker);
      registryCountedWhenAsked(broker);
      broker.createService(monitor());
    },
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
  return { ...brokerOptions(config), started };
}

async function started(broker: ServiceBroker): Promise<void> {
  await requireServices(broker);
  collectSooner();
}

/**
 * V8 collects the old generation before it has more than doubled (1 GB of CSV: +162 MB instead of +234). It reads this flag at
 * each collection. On Node's command line it would cost a start: V8 refuses what was compiled with other flags, and so
 * would compile Node's own modules again.
 */
function collectSooner(): void {
  setFlagsFromString("--heap-growing-percent=100");
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
