import { choice, days, duration, integer, matching, optional, type Setting, setting } from "./parse.ts";
import { callerSettings } from "./settings.callers.ts";
import { serverSettings } from "./settings.servers.ts";
import { collectorUrl } from "./urls.ts";

/** Names that begin with DATAFLOW_ and belong to the push client. */
export const pushClientNames: readonly string[] = ["DATAFLOW_URL", "DATAFLOW_CLIENT", "DATAFLOW_SECRET"];

const token = matching(/^[\x21-\x7e]{24,}$/, "at least 24 visible ASCII characters");

/** Every variable that DataFlow reads, by its name in `Config`, in the order of .env.example and of the docs. */
export const settings = {
  port: setting(
    "PORT",
    "3000",
    integer(0, 65_535, "a port"),
    "The port of the API. With 0 the system picks a free port.",
  ),
  host: setting(
    "HOST",
    "127.0.0.1",
    matching(/^[\w.:%-]+$/, "an address or a host name"),
    "The address that the API listens on.",
  ),
  keepAliveMs: setting(
    "KEEP_ALIVE_TIMEOUT",
    "130s",
    duration("1s", "a proxy needs some time to use a connection again"),
    "How long the API keeps an idle connection open. It must be longer than the idle timeout of a proxy in front.",
  ),
  maxConnections: setting(
    "MAX_CONNECTIONS",
    "5000",
    integer(10, 1_000_000, "a whole number"),
    "How many connections the API keeps open at once.",
  ),
  adminToken: optional(
    "ADMIN_TOKEN",
    "with SQLite a token that the first start makes and keeps beside the database, otherwise required",
    token,
    "The bearer token of the operators.",
    "whole",
  ),
  ...serverSettings,
  pollIntervalMs: setting(
    "POLL_INTERVAL",
    "10s",
    duration("50ms", "a shorter interval only adds load to the database"),
    "How often workers look for work that no message has announced. While RabbitMQ is away or not set, they look at least every second.",
  ),
  batchSliceMs: setting(
    "BATCH_SLICE",
    "10s",
    duration("0s", "with 0s a batch is handed back after each chunk"),
    "How long a worker processes a batch before it hands the batch back, if another client waits.",
  ),
  clientCacheTtlMs: setting(
    "CLIENT_CACHE_TTL",
    "00:05:00",
    duration("1s", "Redis does not accept 0"),
    "How long Redis caches a client.",
  ),
  policyCacheTtlMs: setting(
    "POLICY_CACHE_TTL",
    "00:10:00",
    duration("1s", "Redis does not accept 0"),
    "How long Redis caches a policy.",
  ),
  localCacheTtlMs: setting(
    "LOCAL_CACHE_TTL",
    "5s",
    duration("1ms", "0 would keep it for ever"),
    "How long a process caches a client or policy. If the event of a change is lost, a revoked client is accepted for up to this time plus 1s.",
  ),
  handlersDir: setting(
    "HANDLERS_DIR",
    "handlers",
    matching(/./, "a folder"),
    "The folder of your own Moleculer services. It may be missing.",
  ),
  batchLeaseMs: setting(
    "BATCH_LEASE",
    "30s",
    duration("1s", "a shorter one takes the batch from a worker that only paused"),
    "How long a worker or an upload that shows no sign of life keeps its batch.",
  ),
  sweepIntervalMs: setting(
    "SWEEP_INTERVAL",
    "10s",
    duration("100ms", "a shorter interval only adds load to the database"),
    "How often a node looks for expired leases, and for batches and deliveries that are due.",
  ),
  auditRetentionMs: setting("AUDIT_RETENTION", "400d", days, "How long the entries of the audit are kept."),
  workerConcurrency: setting(
    "WORKER_CONCURRENCY",
    "4",
    integer(1, 256, "a whole number"),
    "How many batches a worker processes at once.",
  ),
  shutdownTimeoutMs: setting(
    "SHUTDOWN_TIMEOUT",
    "10s",
    duration("100ms", "a chunk has to be finished"),
    "How long a shutdown may take. By then the node has handed its work back.",
  ),
  logLevel: setting(
    "LOG_LEVEL",
    "info",
    choice({ fatal: "fatal", error: "error", warn: "warn", info: "info", debug: "debug", trace: "trace" } as const),
    "The lowest level that is logged: fatal, error, warn, info, debug or trace.",
  ),
  logFormat: optional(
    "LOG_FORMAT",
    "pretty on a terminal, otherwise json",
    choice({ pretty: "pretty", json: "json" } as const),
    "The format of the log: pretty for people, json for machines.",
  ),
  accessLog: setting(
    "ACCESS_LOG",
    "true",
    choice({ true: true, false: false }),
    "Whether the log has a line for each request to the API.",
  ),
  metricsPort: optional(
    "METRICS_PORT",
    "3030; none on a node with the API, which serves /metrics itself",
    integer(0, 65_535, "a port"),
    "The port of /health and /metrics on a node without the API.",
  ),
  tracingUrl: optional(
    "TRACING_URL",
    "none",
    collectorUrl,
    "The URL of a trace collector that takes Zipkin's format. Each node sends it the calls of its actions.",
    "url",
  ),
  otlpEndpoint: optional(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "none",
    collectorUrl,
    "The URL of a trace collector that takes OTLP over HTTP (OpenTelemetry). Each node sends it its spans.",
    "url",
  ),
  otelServiceName: setting(
    "OTEL_SERVICE_NAME",
    "dataflow",
    matching(/^[\x21-\x7e]{1,255}$/, "1 to 255 visible ASCII characters"),
    "The service name in the spans of this system.",
  ),
  ...callerSettings,
};

/** The settings as read, before those that depend on others are filled in. */
export type Values = {
  [K in keyof typeof settings]: (typeof settings)[K] extends Setting<infer T> ? T : never;
};
