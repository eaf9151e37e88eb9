import {
  choice,
  days,
  duration,
  integer,
  list,
  matching,
  networkHost,
  optional,
  proxy,
  type Setting,
  setting,
} from "./parse.ts";
import { serviceList } from "./services.ts";
import { tableDatabases, tablesAllowed } from "./tables.ts";
import { amqpUrl, collectorUrl, databaseUrl, issuerUrl, redisUrl } from "./urls.ts";

/** Names with DATAFLOW_ that the push client reads. */
export const pushClientNames: readonly string[] = ["DATAFLOW_URL", "DATAFLOW_CLIENT", "DATAFLOW_SECRET"];

const databaseSchema = matching(/^[a-z_][a-z0-9_]{0,29}$/, "1 to 30 of a-z, digits and _, or none");
const queueName = matching(
  /^(?!amq\.)[\x21-\x7e]{1,200}$/,
  "1 to 200 visible ASCII characters, not amq.… (RabbitMQ keeps those names to itself)",
);
const word = matching(/^[\w.-]{1,64}$/, "1 to 64 of letters, digits, . _ -");
const claimName = matching(/^[\x21-\x7e]{1,128}$/, "the name of a claim, 1 to 128 visible ASCII characters");
const token = matching(/^[\x21-\x7e]{24,}$/, "at least 24 visible ASCII characters");
const keyPrefix = matching(
  /^[!-z|~]{1,64}$/,
  "up to 64 visible ASCII characters without braces (they choose the hash slot)",
);

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
  databaseUrl: setting(
    "DATABASE_URL",
    "sqlite:./data/dataflow.db",
    databaseUrl,
    "The database: sqlite:PATH, or postgres:// or mssql:// with user, password, host and name.",
    "url",
  ),
  databaseSchema: optional(
    "DATABASE_SCHEMA",
    "dataflow, or where the URL's search_path says",
    databaseSchema,
    "The schema of the tables on PostgreSQL and SQL Server, or their prefix on SQLite; none leaves them their plain names.",
  ),
  databasePool: optional(
    "DATABASE_POOL",
    "WORKER_CONCURRENCY and 4 more",
    integer(2, 1_000, "a whole number"),
    "Connections to PostgreSQL or SQL Server for the work of a node; it has 3 more for clients and policies.",
  ),
  tableDatabases: optional(
    "TABLE_DATABASES",
    "none",
    tableDatabases,
    "Further databases with tables of the company's own: NAME=URL, a comma in the URL is %2C.",
    "url",
  ),
  tablesAllowed: optional(
    "TABLES_ALLOWED",
    "* with SQLite, else none",
    tablesAllowed,
    "Tables that datasets may write: schema.table, schema.*, database:schema.table; * is all of DATABASE_URL; none.",
  ),
  redisUrl: optional("REDIS_URL", "none", redisUrl, "Redis for the limiter, the caches and the locks.", "url"),
  redisLockNodes: optional(
    "REDIS_LOCK_NODES",
    "REDIS_URL alone",
    list(redisUrl),
    "Independent Redis nodes of the lock's quorum.",
    "url",
  ),
  amqpUrls: optional(
    "AMQP_URL",
    "none",
    list(amqpUrl),
    "RabbitMQ for calls between nodes and the durable queues; several for failover.",
    "url",
  ),
  namespace: setting("NAMESPACE", "dataflow", word, "Moleculer's namespace, and the prefix of queues and exchanges."),
  redisKeyPrefix: setting("REDIS_KEY_PREFIX", "", keyPrefix, "Put before every Redis key."),
  services: optional("SERVICES", "all", serviceList, "Services of this node."),
  batchLockProvider: optional(
    "BATCH_LOCK_PROVIDER",
    "redis with REDIS_URL, else sql",
    choice({ redis: "redis", sql: "sql", SqlServer: "sql" } as const),
    "Where batch locks are kept.",
  ),
  batchLockFallback: setting(
    "BATCH_LOCK_FALLBACK",
    "sql",
    choice({ sql: "sql", SqlServer: "sql", none: "none" } as const),
    "What serves batch locks while Redis is away.",
  ),
  redisLockTimeoutMs: setting(
    "REDIS_LOCK_TIMEOUT",
    "00:00:30",
    duration("1s", "it is extended every third of it; a shorter one is lost in a garbage collection"),
    "Life of a Redis lock that nobody extends.",
  ),
  publishEvents: setting(
    "PUBLISH_EVENTS",
    "true",
    choice({ true: true, false: false }),
    "Whether events go to RabbitMQ; false leaves all to polling.",
  ),
  batchReadyQueue: optional("BATCH_READY_QUEUE", "NAMESPACE.batch.ready", queueName, "Queue that wakes the workers."),
  eventsExchange: optional("EVENTS_EXCHANGE", "NAMESPACE.events", queueName, "Topic exchange where outsiders bind."),
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
  oidcIssuer: optional(
    "OIDC_ISSUER",
    "none",
    issuerUrl,
    "The company's own issuer (OpenID Connect), whose tokens are operators and clients.",
  ),
  oidcAudience: optional(
    "OIDC_AUDIENCE",
    "none",
    matching(/^\S{1,255}$/, "1 to 255 characters without blanks"),
    "What the tokens of OIDC_ISSUER must be for: their claim aud.",
  ),
  oidcRoleClaim: optional(
    "OIDC_ROLE_CLAIM",
    "none",
    claimName,
    "The claim with an operator's roles, such as roles or realm_access.roles.",
  ),
  oidcClientClaim: optional(
    "OIDC_CLIENT_CLAIM",
    "none",
    claimName,
    "The claim with the identifier of a client, such as azp.",
  ),
  trustedProxies: optional(
    "TRUSTED_PROXIES",
    "none",
    list(proxy),
    "Proxies before the API whose X-Forwarded-For is believed: addresses, CIDR.",
  ),
  hasConsole: setting(
    "CONSOLE",
    "true",
    choice({ true: true, false: false }),
    "Whether the API serves the console, the page for operators and partners.",
  ),
  consolePartners: setting(
    "CONSOLE_PARTNERS",
    "true",
    choice({ true: true, false: false }),
    "Whether the console offers partners to log in.",
  ),
  consoleLabel: optional(
    "CONSOLE_LABEL",
    "none",
    matching(/^[\x20-\x7e]{1,40}$/, "up to 40 visible characters, such as production"),
    "Names the environment on every page of the console.",
  ),
  partnersRotate: setting(
    "PARTNERS_ROTATE",
    "false",
    choice({ true: true, false: false }),
    "Whether partners may rotate their own secret.",
  ),
  webhookAllowedHosts: optional(
    "WEBHOOK_ALLOWED_HOSTS",
    "none",
    list(networkHost),
    "Private webhook targets that are allowed: names, addresses, CIDR.",
  ),
};

/** The settings as read, before those that depend on others are filled in. */
export type Values = {
  [K in keyof typeof settings]: (typeof settings)[K] extends Setting<infer T> ? T : never;
};
