import { choice, days, duration, integer, matching, optional, type Setting, setting } from "./parse.ts";
import { callerSettings } from "./settings.callers.ts";
import { serverSettings } from "./settings.servers.ts";
import { collectorUrl } from "./urls.ts";

/** Names that begin with DATAFLOW_ and belong to the push client. */
export const pushClientNames: readonly string[] = ["DATAFLOW_URL", "DATAFLOW_CLIENT", "DATAFLOW_SECRET"];

const token = matching(/^[\x21-\x7e]{24,}$/, "at least 24 visible ASCII characters");

/** Every variable that DataFlow reads, by its name in `Config`, in the order of .env.example and of the docs. */
export const settings = {
  port: setting("PORT", "3000", integer(0, 65_535, "a port"), "Port of the API; 0 takes a free one."),
  host: setting(
    "HOST",
    "127.0.0.1",
    matching(/^[\w.:%-]+$/, "an address or a host name"),
    "Address that the API listens on.",
  ),
  keepAliveMs: setting(
    "KEEP_ALIVE_TIMEOUT",
    "130s",
    duration("1s", "a proxy needs some time to use a link again"),
    "How long the API keeps an idle connection: longer than the proxy before it does.",
  ),
  maxConnections: setting(
    "MAX_CONNECTIONS",
    "5000",
    integer(10, 1_000_000, "a whole number"),
    "Connections that the API has open at once.",
  ),
  adminToken: optional(
    "ADMIN_TOKEN",
    "with SQLite made at the first start and kept beside the database, else required",
    token,
    "The operators' bearer token.",
    "whole",
  ),
  ...serverSettings,
  pollIntervalMs: setting(
    "POLL_INTERVAL",
    "10s",
    duration("50ms", "faster only loads the database"),
    "How often workers look for work that no message announced; at most 1s while the broker is away or absent.",
  ),
  batchSliceMs: setting(
    "BATCH_SLICE",
    "10s",
    duration("0s", "hand back at every checkpoint"),
    "After it a worker hands a long batch back when another client waits.",
  ),
  clientCacheTtlMs: setting(
    "CLIENT_CACHE_TTL",
    "00:05:00",
    duration("1s", "Redis takes no 0"),
    "Life of a client in Redis.",
  ),
  policyCacheTtlMs: setting(
    "POLICY_CACHE_TTL",
    "00:10:00",
    duration("1s", "Redis takes no 0"),
    "Life of a policy in Redis.",
  ),
  localCacheTtlMs: setting(
    "LOCAL_CACHE_TTL",
    "5s",
    duration("1ms", "0 would mean for ever"),
    "Life of a client or policy in a process: a revoked client lives on for this plus 1s if its invalidation is lost.",
  ),
  handlersDir: setting(
    "HANDLERS_DIR",
    "handlers",
    matching(/./, "a folder"),
    "Moleculer services of your own, where it exists.",
  ),
  batchLeaseMs: setting(
    "BATCH_LEASE",
    "30s",
    duration("1s", "a shorter one takes the batch from a worker that only paused"),
    "How long a silent worker or upload keeps its batch.",
  ),
  sweepIntervalMs: setting(
    "SWEEP_INTERVAL",
    "10s",
    duration("100ms", "faster only loads the database"),
    "How often waiting batches are looked after.",
  ),
  auditRetentionMs: setting("AUDIT_RETENTION", "400d", days, "How long the entries of the audit are kept."),
  workerConcurrency: setting(
    "WORKER_CONCURRENCY",
    "4",
    integer(1, 256, "a whole number"),
    "Batches at once on a worker.",
  ),
  shutdownTimeoutMs: setting(
    "SHUTDOWN_TIMEOUT",
    "10s",
    duration("100ms", "a chunk has to be finished"),
    "A planned stop gives its work back within it.",
  ),
  logLevel: setting(
    "LOG_LEVEL",
    "info",
    choice({ fatal: "fatal", error: "error", warn: "warn", info: "info", debug: "debug", trace: "trace" } as const),
    "The least that is logged.",
  ),
  logFormat: optional(
    "LOG_FORMAT",
    "pretty on a terminal, else json",
    choice({ pretty: "pretty", json: "json" } as const),
    "For people or for machines.",
  ),
  accessLog: setting(
    "ACCESS_LOG",
    "true",
    choice({ true: true, false: false }),
    "Whether each request of the API has a line in the log.",
  ),
  metricsPort: optional(
    "METRICS_PORT",
    "none with the API, which serves /metrics itself, else 3030",
    integer(0, 65_535, "a port"),
    "Port of /health and /metrics on a node without the API.",
  ),
  tracingUrl: optional(
    "TRACING_URL",
    "none",
    collectorUrl,
    "Collector of traces that takes Zipkin's format, to which each node sends the calls of its actions.",
    "url",
  ),
  otlpEndpoint: optional(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "none",
    collectorUrl,
    "Collector of traces that takes OTLP over HTTP, to which each node sends its spans (OpenTelemetry).",
    "url",
  ),
  otelServiceName: setting(
    "OTEL_SERVICE_NAME",
    "dataflow",
    matching(/^[\x21-\x7e]{1,255}$/, "1 to 255 visible ASCII characters"),
    "The name of this system in its spans.",
  ),
  ...callerSettings,
};

/** The settings as read, before those that depend on others are filled in. */
export type Values = {
  [K in keyof typeof settings]: (typeof settings)[K] extends Setting<infer T> ? T : never;
};
