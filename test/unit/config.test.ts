import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ConfigError,
  configOf,
  exitOnFault,
  type LoadOptions,
  loadConfig,
  maskUrl,
  useConfig,
} from "../../config/config.ts";
import { type Setting, settings } from "../../config/settings.ts";
import { root } from "../../root.cjs";

const token = "a-token-of-24-characters";
const production = {
  ADMIN_TOKEN: token,
  DATABASE_URL: "postgres://u:p@db/dataflow",
  REDIS_URL: "redis://cache:6379",
  AMQP_URL: "amqp://a,amqps://b",
};

type Env = Record<string, string | undefined>;

function faultsOf(env: Env, options?: LoadOptions) {
  try {
    loadConfig(env, options);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

const messageOf = (env: Env) => new ConfigError(faultsOf(env)).message;
const wrongNames = (env: Env, options?: LoadOptions) => faultsOf(env, options).map(({ name }) => name);

test("without any variable: the embedded default, frozen to its lists", () => {
  const config = loadConfig({});
  expect(config).toEqual({
    port: 3000,
    host: "127.0.0.1",
    keepAliveMs: 130_000,
    maxConnections: 5_000,
    adminToken: null,
    databaseUrl: "sqlite:./data/dataflow.db",
    isEmbedded: true,
    databaseSchema: "dataflow",
    databasePool: null,
    redisUrl: null,
    redisLockNodes: [],
    amqpUrls: [],
    namespace: "dataflow",
    redisKeyPrefix: "",
    services: null,
    batchLockProvider: "sql",
    batchLockFallback: "sql",
    redisLockTimeoutMs: 30_000,
    publishEvents: true,
    batchReadyQueue: "dataflow.batch.ready",
    eventsExchange: "dataflow.events",
    pollIntervalMs: 10_000,
    batchSliceMs: 10_000,
    clientCacheTtlMs: 300_000,
    policyCacheTtlMs: 600_000,
    localCacheTtlMs: 5_000,
    handlersDir: "handlers",
    batchLeaseMs: 30_000,
    sweepIntervalMs: 10_000,
    workerConcurrency: 4,
    shutdownTimeoutMs: 10_000,
    logLevel: "info",
    logFormat: "json",
    metricsPort: null,
    tracingUrl: null,
    trustedProxies: [],
    webhookAllowedHosts: [],
  });
  const parts = [config, ...Object.values(config), ...Object.values(loadConfig({ ...production, SERVICES: "api" }))];
  expect(parts.filter((part) => !Object.isFrozen(part))).toEqual([]);
});

test.each([
  ["00:05:00", 300_000],
  ["300s", 300_000],
  ["5m", 300_000],
  ["250ms", 250],
  ["1h", 3_600_000],
  ["1.5s", 1_500],
  ["00:00:00.500", 500],
])("the duration %s is %d ms", (POLL_INTERVAL, ms) => {
  expect(loadConfig({ POLL_INTERVAL }).pollIntervalMs).toBe(ms);
});

test.each([
  ["PORT", "65536"],
  ["PORT", "1e3"],
  ["PORT", "-1"],
  ["POLL_INTERVAL", "300"],
  ["POLL_INTERVAL", "00:60:00"],
  ["POLL_INTERVAL", "25h30"],
  ["BATCH_SLICE", "600h"],
  ["REDIS_LOCK_TIMEOUT", "999ms"],
  ["BATCH_LEASE", "0.9s"],
  ["LOCAL_CACHE_TTL", "0s"],
  ["WORKER_CONCURRENCY", "0"],
  ["DATABASE_POOL", "1"],
  ["DATABASE_SCHEMA", "Data-Flow"],
  ["PUBLISH_EVENTS", "maybe"],
  ["LOG_LEVEL", "loud"],
  ["LOG_FORMAT", "xml"],
  ["SERVICES", "api,nobody"],
  ["SERVICES", "ratelimiter"],
  ["SERVICES", "api,api"],
  ["SERVICES", "api,"],
  ["BATCH_LOCK_PROVIDER", "zookeeper"],
  ["BATCH_READY_QUEUE", "amq.ready"],
  ["REDIS_KEY_PREFIX", "{a}"],
  ["ADMIN_TOKEN", "23-characters-too-short"],
  ["ADMIN_TOKEN", "twenty-four with a blank"],
  ["DATABASE_URL", "mysql://db/dataflow"],
  ["DATABASE_URL", "sqlite:"],
  ["DATABASE_URL", "sqlite://data/dataflow.db"],
  ["DATABASE_URL", "postgres://u:a%zz@db/dataflow"],
  ["REDIS_URL", "cache:6379"],
  ["REDIS_URL", "redis://cache/first"],
  ["REDIS_URL", "redis://:a%zz@cache"],
  ["AMQP_URL", "amqp://a,redis://b"],
  ["WEBHOOK_ALLOWED_HOSTS", "10.0.0.0/33"],
  ["WEBHOOK_ALLOWED_HOSTS", "10.0.0.300"],
  ["TRUSTED_PROXIES", "proxy.example"],
  ["TRUSTED_PROXIES", "10.0.0.0/33"],
  ["TRUSTED_PROXIES", "0.0.0.0/0"],
  ["TRUSTED_PROXIES", "10.0.0.1,::/0"],
])("%s is never %s", (name, value) => {
  expect(wrongNames({ [name]: value })).toEqual([name]);
});

test("a fault says the name, what was expected, with the reason, and what was found", () => {
  expect(messageOf({ PORT: "http", BATCH_LEASE: "10ms" })).toBe(
    [
      'PORT: expected a port, 0 to 65535; found "http"',
      "BATCH_LEASE: expected a duration such as 00:00:30, 30s, 5m, 250ms or 1h, from 1s " +
        '(a shorter one takes the batch from a worker that only paused) to 24 days; found "10ms"',
    ].join("\n"),
  );
});

test.each([
  [{ AMQP_URL: "amqp://a, redis://:hunter2@b" }, '"redis://…" as entry 2'],
  [{ AMQP_URL: "amqp://a,hunter2@b,amqps://c,http://d" }, '9 characters, not shown as entry 2, "http://…" as entry 4'],
  [{ AMQP_URL: "amqp://a,amqp://a" }, "entry 2 twice"],
  [{ ...production, REDIS_LOCK_NODES: "redis://a,,redis://c" }, "nothing as entry 2"],
  [{ SERVICES: "api,worker" }, '"worker" as entry 2'],
  [{ WEBHOOK_ALLOWED_HOSTS: "10.0.0.0/8,10.0.0.300" }, '"10.0.0.300" as entry 2'],
])("of a list the wrong entry is shown: %j", (env, found) => {
  expect(faultsOf(env).map((fault) => fault.found)).toEqual([found]);
});

test.each([
  ["AMQP_URL", "amqp://a?heartbeat=abc", '"amqp://…" with a heartbeat that is not seconds, 0 to 65535 as entry 1'],
  ["AMQP_URL", "amqp://a?frameMax=1", "with a frameMax that is not 0 or bytes, 8192 to 999999999 as entry 1"],
  ["AMQP_URL", "amqp://a?channelMax=1", "with a channelMax that is not 0 or a number, 16 to 65535 as entry 1"],
  ["AMQP_URL", "amqp://a,amqp://b?channelMax=1", "with a channelMax that is not 0 or a number, 16 to 65535 as entry 2"],
  ["REDIS_URL", "redis://a?db=abc", '"redis://…" with a db that is not a database\'s number, 0 to 99999'],
  ["REDIS_URL", "redis://a/1?keyPrefix=hunter2", "with a parameter that is none of db, family"],
  ["REDIS_LOCK_NODES", "redis://a,redis://b?family=x", "with a family that is not 0, 4 or 6 as entry 2"],
  [
    "DATABASE_URL",
    "postgres://a/b?statement_timeout=abc",
    "with a statement_timeout that is not 0 or milliseconds, 1000",
  ],
  ["DATABASE_URL", "postgres://a/b?query_timeout=1", "with a query_timeout that is not 0 or milliseconds, 1000"],
  ["DATABASE_URL", "postgresql://a/b?sslmode=none", '"postgresql://…" with a sslmode that is not disable, prefer,'],
  ["DATABASE_URL", "postgres://a/b?ssl=false", '"postgres://…" with a ssl that is not true, 0 or no-verify'],
  ["DATABASE_URL", "postgres://a/b?password=hunter2", "with a password that is not before the ?"],
  ["DATABASE_URL", "postgres://a/b?stream=hunter2", "with a stream that is not left out"],
])("%s takes no %s", (name, value, found) => {
  const [fault, ...others] = faultsOf({ ...production, [name]: value });
  expect([fault?.name, others]).toEqual([name, []]);
  expect(fault?.found).toContain(found);
  expect(fault?.found).not.toContain("hunter2");
});

test.each([
  ["AMQP_URL", "amqp://a?heartbeat=30&frameMax=0&channelMax=100"],
  ["AMQP_URL", "amqps://a?connection_timeout=10000&verify=verify_peer"],
  ["REDIS_URL", "rediss://a?db=3&family=0"],
  ["DATABASE_URL", "postgres://a/b?sslmode=require&channel_binding=require&pgbouncer=true&connect_timeout=10"],
  ["DATABASE_URL", "postgres://a/b?host=/var/run/postgresql&statement_timeout=0&application_name=x"],
  ["DATABASE_URL", "mssql://u:p@a/b?encrypt=true"],
])("%s may be %s", (name, value) => {
  expect(faultsOf({ ...production, [name]: value })).toEqual([]);
});

test("an unknown DATAFLOW_ name ends the start; the push client's own and others' do not", () => {
  const env = { DATAFLOW_URL: "x", DATAFLOW_CLIENT: "x", DATAFLOW_SECRET: "x", HOME: "/", DATAFLOW_PORT: "1" };
  expect(messageOf(env)).toBe("DATAFLOW_PORT: expected the name PORT; found an unknown variable");
  expect(wrongNames({ DATAFLOW_SPEED: "fast" })).toEqual(["DATAFLOW_SPEED"]);
});

test.each([
  { ADMIN_TOKEN: "hunter2" },
  { DATAFLOW_ADMIN_TOKEN: "hunter2" },
  { DATABASE_URL: "mysql://u:hunter2@db/x" },
  { DATABASE_URL: "u:hunter2@db/x" },
  { DATABASE_URL: "postgres://u:hunter2@db/x" },
  { REDIS_URL: "redis://:hunter2" },
  { REDIS_LOCK_NODES: "redis://u:hunt,er2@a" },
  { AMQP_URL: "amqp://u:x@y/hunter2@h,amqp:" },
  { PORT: "redis://:hunter2@h" },
  { ADMIN_TOKEN: "hunter2-hunter2-hunter2-hunter2", LOG_LEVEL: "hunter2-hunter2-hunter2-hunter2" },
])("no message shows a secret: %j", (env) => {
  expect(faultsOf(env)).not.toEqual([]);
  expect(messageOf(env)).not.toMatch(/hunt|er2/);
});

test("a URL in a log has neither user nor password nor query", () => {
  expect(maskUrl("postgres://u:hunter2@db:5432/x?password=hunter2")).toBe("postgres://***@db:5432/x");
  expect(maskUrl("redis://cache:6379/1")).toBe("redis://cache:6379/1");
  expect(maskUrl("redis://:hunter2")).toBe('"redis://…"');
  expect(maskUrl("sqlite:./data/x.db")).toBe("sqlite:./data/x.db");
});

test("rules between settings", () => {
  expect(wrongNames({ DATABASE_URL: "mssql://u:p@db:1433/x" })).toEqual(["ADMIN_TOKEN"]);
  expect(wrongNames({ BATCH_LOCK_PROVIDER: "redis" })).toEqual(["REDIS_URL"]);
  expect(wrongNames({ REDIS_LOCK_NODES: "redis://a,redis://b,redis://c" })).toEqual(["REDIS_URL"]);
  expect(wrongNames({ PORT: "3030", METRICS_PORT: "3030" })).toEqual(["METRICS_PORT"]);
  expect(wrongNames({ PORT: "0", METRICS_PORT: "0" })).toEqual([]);
  expect(wrongNames({ HANDLERS_DIR: "/none" }, { isDirectory: () => false })).toEqual(["HANDLERS_DIR"]);
  expect(wrongNames({}, { isDirectory: () => false })).toEqual([]);
});

test("settings that others decide", () => {
  const full = loadConfig(production);
  expect(full).toMatchObject({ isEmbedded: false, batchLockProvider: "redis", amqpUrls: ["amqp://a", "amqps://b"] });
  expect(full.redisLockNodes).toEqual(["redis://cache:6379"]);
  expect(loadConfig({ ...production, BATCH_LOCK_PROVIDER: "sqlserver" }).batchLockProvider).toBe("sql");
  expect(loadConfig({ AMQP_URL: "amqp://a" }).isEmbedded).toBe(false);
  const { batchReadyQueue, eventsExchange } = loadConfig({ NAMESPACE: "staging", EVENTS_EXCHANGE: "news" });
  expect([batchReadyQueue, eventsExchange]).toEqual(["staging.batch.ready", "news"]);
  expect(loadConfig({ SERVICES: "batchProcessor, batchLock" })).toMatchObject({
    services: ["batchProcessor", "batchLock"],
    metricsPort: 3030,
  });
  expect(loadConfig({ SERVICES: "api" }).metricsPort).toBeNull();
  // Lists of before they were services of their own.
  expect(loadConfig({ SERVICES: "batch,outbox" }).services).toEqual(["batch", "outbox", "retention"]);
  expect(loadConfig({ SERVICES: "retention,batch" }).services).toEqual(["retention", "batch"]);
  expect(loadConfig({ SERVICES: "api" }).services).toEqual(["api", "imports"]);
  expect(loadConfig({}, { isTerminal: true }).logFormat).toBe("pretty");
  expect(loadConfig({ PORT: "", LOG_LEVEL: "  " })).toMatchObject({ port: 3000, logLevel: "info" });
});

test("a broker has its own settings; without them those of the process, where .env adds what is not set", () => {
  const [broker, own] = [{}, loadConfig({ PORT: "0" })];
  useConfig(broker, own);
  expect(configOf(broker)).toBe(own);

  const folder = mkdtempSync(join(tmpdir(), "dataflow-env-"));
  writeFileSync(join(folder, ".env"), "PORT=4001\nWORKER_CONCURRENCY=7\n");
  const [cwd, env] = [process.cwd(), process.env];
  try {
    process.chdir(folder);
    process.env = { PORT: "4000" };
    const config = configOf({});
    expect(config).toMatchObject({ port: 4000, workerConcurrency: 7 });
    process.env = { PORT: "4002" };
    expect(configOf({})).toBe(config);
  } finally {
    process.chdir(cwd);
    process.env = env;
    rmSync(folder, { recursive: true });
  }
});

/** In a folder of its own, whose .env `write` makes; by a process that has read none yet. */
function withEnvFile(
  write: (file: string) => void,
  look: (config: typeof import("../../config/config.ts")) => void,
): void {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-env-"));
  write(join(folder, ".env"));
  const [cwd, env] = [process.cwd(), process.env];
  try {
    process.chdir(folder);
    process.env = {};
    jest.isolateModules(() => look(require("../../config/config.ts") as typeof import("../../config/config.ts")));
  } finally {
    process.chdir(cwd);
    process.env = env;
    rmSync(folder, { recursive: true });
  }
}

test("a .env that cannot be read is a fault like any other", () => {
  withEnvFile(mkdirSync, ({ processConfig }) =>
    expect(processConfig).toThrow(".env: expected a file that can be read; found one that cannot be (EISDIR)"),
  );
});

const UTF8_MARK = "\uFEFF";

test("a byte order mark before the first line of .env is no part of its name", () => {
  withEnvFile(
    (file) => writeFileSync(file, `${UTF8_MARK}PORT=4001\r\nWORKER_CONCURRENCY=7\r\n`),
    ({ processConfig }) => expect(processConfig()).toMatchObject({ port: 4001, workerConcurrency: 7 }),
  );
});

test.each([
  ["with a byte order mark", Buffer.from(`${UTF8_MARK}PORT=4001\n`, "utf16le")],
  ["without one", Buffer.from("PORT=4001\n", "utf16le")],
  ["of an older kind", Buffer.from("NAMESPACE=f\xfcr\n", "latin1")],
])("a .env in another encoding than UTF-8 (%s) is a fault", (_name, bytes) => {
  withEnvFile(
    (file) => writeFileSync(file, bytes),
    ({ processConfig }) =>
      expect(processConfig).toThrow(".env: expected text in UTF-8; found text in another encoding"),
  );
});

test("a start script ends with 1 and a line per fault, and lets other errors through", () => {
  const exit = jest.spyOn(process, "exit").mockImplementation((code) => {
    throw new Error(`exit ${code}`);
  });
  const write = jest.spyOn(process.stderr, "write").mockReturnValue(true);
  try {
    expect(() => exitOnFault(() => loadConfig({ PORT: "x", LOG_LEVEL: "y" }))).toThrow("exit 1");
    expect(String(write.mock.calls[0]?.[0])).toMatch(/^PORT: .*\nLOG_LEVEL: .*\n$/);
    expect(() => exitOnFault(() => JSON.parse("{"))).toThrow(SyntaxError);
    expect(exitOnFault(() => 5)).toBe(5);
  } finally {
    exit.mockRestore();
    write.mockRestore();
  }
});

test(".env.example has every setting with its meaning and default", () => {
  const all = Object.values<Setting<unknown>>(settings);
  const wanted = all.map(({ name, meaning, otherwise, default: value }) => {
    return `# ${meaning}${value === null ? ` Not set: ${otherwise}.` : ""}\n# ${name}=${value ?? ""}`;
  });
  const [, ...found] = readFileSync(join(root, ".env.example"), "utf8").trimEnd().split("\n\n");
  expect(found).toEqual(wanted);
});
