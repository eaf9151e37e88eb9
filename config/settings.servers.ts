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
    "The URL of the database: sqlite:PATH, or postgres:// or mssql:// with user, password, host and the database's name.",
    "url",
  ),
  databaseSchema: optional(
    "DATABASE_SCHEMA",
    "dataflow, or the first schema in the URL's search_path",
    databaseSchema,
    "The schema of DataFlow's tables on PostgreSQL and SQL Server, or the prefix of their names on SQLite. With none the tables have their plain names.",
  ),
  databasePool: optional(
    "DATABASE_POOL",
    "WORKER_CONCURRENCY plus 4",
    integer(2, 1_000, "a whole number"),
    "How many connections to PostgreSQL or SQL Server a node uses for its work. It uses 3 more to read clients and policies.",
  ),
  tableDatabases: optional(
    "TABLE_DATABASES",
    "none",
    tableDatabases,
    "Other databases with tables of your own: NAME=URL, separated by commas. In a URL, %2C stands for a comma.",
    "url",
  ),
  tablesAllowed: optional(
    "TABLES_ALLOWED",
    "* with SQLite, otherwise none",
    tablesAllowed,
    "The tables that datasets may write to, separated by commas: schema.table, schema.* or database:schema.table. With * they may write to all tables of DATABASE_URL, with none to no table.",
  ),
  redisUrl: optional(
    "REDIS_URL",
    "none",
    redisUrl,
    "The Redis server for the rate limiter, the caches and the locks.",
    "url",
  ),
  redisLockNodes: optional(
    "REDIS_LOCK_NODES",
    "REDIS_URL alone",
    list(redisUrl),
    "Independent Redis servers for batch locks, separated by commas. A lock is held if most of them hold it.",
    "url",
  ),
  amqpUrls: optional(
    "AMQP_URL",
    "none",
    list(amqpUrl),
    "The RabbitMQ server for calls between nodes and for durable queues. For failover, name several servers, separated by commas.",
    "url",
  ),
  namespace: setting(
    "NAMESPACE",
    "dataflow",
    word,
    "The namespace of the nodes in Moleculer. It is also the prefix of queues and exchanges.",
  ),
  redisKeyPrefix: setting("REDIS_KEY_PREFIX", "", keyPrefix, "The prefix of every key in Redis."),
  services: optional("SERVICES", "all", serviceList, "The services that this node starts, separated by commas."),
  batchLockProvider: optional(
    "BATCH_LOCK_PROVIDER",
    "redis with REDIS_URL, otherwise sql",
    choice({ redis: "redis", sql: "sql", SqlServer: "sql" } as const),
    "Where batch locks are kept: redis or sql.",
  ),
  batchLockFallback: setting(
    "BATCH_LOCK_FALLBACK",
    "sql",
    choice({ sql: "sql", SqlServer: "sql", none: "none" } as const),
    "Where batch locks are kept while Redis is away: sql, or none to do without locks.",
  ),
  redisLockTimeoutMs: setting(
    "REDIS_LOCK_TIMEOUT",
    "00:00:30",
    duration("1s", "it is extended every third of it; a shorter one is lost in a garbage collection"),
    "How long Redis keeps a batch lock that nobody extends.",
  ),
  publishEvents: setting(
    "PUBLISH_EVENTS",
    "true",
    choice({ true: true, false: false }),
    "Whether nodes publish events to RabbitMQ. With false, workers and caches rely on polling alone.",
  ),
  batchReadyQueue: optional(
    "BATCH_READY_QUEUE",
    "NAMESPACE.batch.ready",
    queueName,
    "The queue whose messages tell the workers of new work.",
  ),
  eventsExchange: optional(
    "EVENTS_EXCHANGE",
    "NAMESPACE.events",
    queueName,
    "The topic exchange of all events. Other systems bind their queues to it.",
  ),
};
