import { choice, duration, integer, list, matching, optional, setting } from "./parse.ts";
import { serviceList } from "./services.ts";
import { tableDatabases, tablesAllowed } from "./tables.ts";
import { amqpUrl, databaseUrl, redisUrl } from "./urls.ts";

const databaseSchema = matching(/^[a-z_][a-z0-9_]{0,29}$/, "1 to 30 of a-z, digits and _, or none");
const queueName = matching(
  /^(?!amq\.)[\x21-\x7e]{1,200}$/,
  "1 to 200 visible ASCII characters, not amq.… (RabbitMQ keeps those names to itself)",
);
const word = matching(/^[\w.-]{1,64}$/, "1 to 64 of letters, digits, . _ -");
const keyPrefix = matching(
  /^[!-z|~]{1,64}$/,
  "up to 64 visible ASCII characters without braces (they choose the hash slot)",
);

/** Settings of the databases, Redis and RabbitMQ: where they are, which names DataFlow uses there, and what each is used for. */
export const serverSettings = {
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
};
