/**
 * The OpenTelemetry SDK of this process, where OTEL_EXPORTER_OTLP_ENDPOINT is set. Its packages are optional: they are loaded only
 * here. The SDK and its exporter read their other OTEL_ variables themselves.
 */
import { context, DiagLogLevel, diag, propagation, trace } from "@opentelemetry/api";
import type { ServiceBroker } from "moleculer";
import { ConfigError, configOf } from "../../config/config.ts";
import { oneLine } from "../log/logger.ts";
import { within } from "../time-limit.ts";
import { version } from "../version.ts";
import { isTracing } from "./trace.ts";

const packages = [
  "@opentelemetry/sdk-trace-node",
  "@opentelemetry/exporter-trace-otlp-http",
  "@opentelemetry/resources",
] as const;

/** Part of SHUTDOWN_TIMEOUT that the last spans have. */
const FLUSH_SHARE = 0.1;

const WARN_EVERY_MS = 60_000;
const LONGEST_WARNING = 300;

/** Imports a package by its name. */
type Load = (name: string) => Promise<unknown>;

interface Sdk {
  stop(): Promise<void>;
}

let started: Sdk | null = null;

/** Starts the SDK, unless none is wanted, or the user has started one (`NODE_OPTIONS=--import`). Throws ConfigError without its packages. */
export async function startSdk(broker: ServiceBroker, load: Load = (name) => import(name)): Promise<void> {
  const config = configOf(broker);
  if (config.otlpEndpoint === null || isTracing()) return;
  const logger = broker.getLogger("traces");
  let quietUntil = 0;
  // A collector that is away is reported with each sending.
  const warn = (...told: unknown[]) => {
    if (performance.now() < quietUntil) return;
    quietUntil = performance.now() + WARN_EVERY_MS;
    logger.warn("Spans are lost:", oneLine(told.join(" "), LONGEST_WARNING));
  };
  diag.setLogger({ error: warn, warn, info() {}, debug() {}, verbose() {} }, { logLevel: DiagLogLevel.WARN });
  started = await sdkOf({ name: config.otelServiceName, instance: broker.nodeID }, load);
}

async function sdkOf({ name, instance }: { name: string; instance: string }, load: Load): Promise<Sdk> {
  const [node, otlp, resources] = (await Promise.all(packages.map((one) => loaded(one, load)))) as [
    typeof import("@opentelemetry/sdk-trace-node"),
    typeof import("@opentelemetry/exporter-trace-otlp-http"),
    typeof import("@opentelemetry/resources"),
  ];
  const own = { "service.name": name, "service.version": version, "service.instance.id": instance };
  const resource = resources
    .defaultResource()
    .merge(resources.resourceFromAttributes(own))
    .merge(resources.detectResources({ detectors: [resources.envDetector] }));
  const processor = new node.BatchSpanProcessor(new otlp.OTLPTraceExporter());
  const provider = new node.NodeTracerProvider({ resource, spanProcessors: [processor] });
  provider.register();
  return {
    stop() {
      for (const part of [trace, context, propagation]) part.disable();
      return provider.shutdown();
    },
  };
}

async function loaded(name: string, load: Load): Promise<unknown> {
  try {
    return await load(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    const expected = `the package ${name}, which "npm install --omit=dev --include=optional" adds (docs/tracing.md)`;
    throw new ConfigError([{ name: "OTEL_EXPORTER_OTLP_ENDPOINT", expected, found: "no such package" }]);
  }
}

/** Sends the last spans. Waits no longer than a part of SHUTDOWN_TIMEOUT for a collector that does not answer. */
export async function stopSdk(broker: ServiceBroker): Promise<void> {
  if (!started) return;
  const { stop } = started;
  started = null;
  await within(configOf(broker).shutdownTimeoutMs * FLUSH_SHARE, stop()).catch(() => {});
}
