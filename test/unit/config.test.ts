import { readFileSync } from "node:fs";
import { join } from "node:path";
import { exitOnFault, loadConfig } from "../../config/config.ts";
import type { Setting } from "../../config/parse.ts";
import { settings } from "../../config/settings.ts";
import { root } from "../../root.cjs";
import { envFileTests } from "./config.env.suite.ts";
import { faultsOf, messageOf, production, wrongNames } from "./config.kit.ts";
import { tableTests } from "./config.tables.suite.ts";
import { urlTests } from "./config.urls.suite.ts";

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
    tableDatabases: [],
    tablesAllowed: [{ database: null, parts: [{ text: "*", isQuoted: false }] }],
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
    partnersRotate: false,
    alertWebhook: null,
    alertQueueAgeMs: 300_000,
    batchReadyQueue: "dataflow.batch.ready",
    eventsExchange: "dataflow.events",
    pollIntervalMs: 10_000,
    batchSliceMs: 10_000,
    clientCacheTtlMs: 300_000,
    policyCacheTtlMs: 600_000,
    localCacheTtlMs: 5_000,
    handlersDir: "handlers",
    auditRetentionMs: 400 * 86_400_000,
    batchLeaseMs: 30_000,
    sweepIntervalMs: 10_000,
    workerConcurrency: 4,
    shutdownTimeoutMs: 10_000,
    logLevel: "info",
    logFormat: "json",
    accessLog: true,
    metricsPort: null,
    tracingUrl: null,
    otlpEndpoint: null,
    otelServiceName: "dataflow",
    oidcIssuer: null,
    oidcAudience: null,
    oidcRoleClaim: null,
    oidcClientClaim: null,
    trustedProxies: [],
    hasConsole: true,
    consolePartners: true,
    consoleLabel: null,
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
  ["AUDIT_RETENTION", "400"],
  ["AUDIT_RETENTION", "0d"],
  ["AUDIT_RETENTION", "3661d"],
  ["AUDIT_RETENTION", "24h"],
  ["LOCAL_CACHE_TTL", "0s"],
  ["WORKER_CONCURRENCY", "0"],
  ["DATABASE_POOL", "1"],
  ["DATABASE_SCHEMA", "Data-Flow"],
  ["PUBLISH_EVENTS", "maybe"],
  ["PARTNERS_ROTATE", "yes"],
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

describe("URLs", urlTests);

describe("tables of the company's own", tableTests);

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

test("rules between settings", () => {
  expect(wrongNames({ DATABASE_URL: "mssql://u:p@db:1433/x" })).toEqual(["ADMIN_TOKEN"]);
  expect(wrongNames({ BATCH_LOCK_PROVIDER: "redis" })).toEqual(["REDIS_URL"]);
  expect(wrongNames({ REDIS_LOCK_NODES: "redis://a,redis://b,redis://c" })).toEqual(["REDIS_URL"]);
  expect(wrongNames({ PORT: "3030", METRICS_PORT: "3030" })).toEqual(["METRICS_PORT"]);
  expect(wrongNames({ PORT: "0", METRICS_PORT: "0" })).toEqual([]);
  const oidc = { OIDC_ISSUER: "https://login.example/realms/a", OIDC_AUDIENCE: "dataflow", OIDC_ROLE_CLAIM: "roles" };
  expect(wrongNames(oidc)).toEqual([]);
  expect(wrongNames({ ...oidc, OIDC_AUDIENCE: "" })).toEqual(["OIDC_AUDIENCE"]);
  expect(wrongNames({ ...oidc, OIDC_ROLE_CLAIM: "" })).toEqual(["OIDC_ROLE_CLAIM"]);
  expect(wrongNames({ ...oidc, OIDC_ROLE_CLAIM: "", OIDC_CLIENT_CLAIM: "azp" })).toEqual([]);
  expect(wrongNames({ ...oidc, OIDC_ISSUER: "" })).toEqual(["OIDC_ISSUER"]);
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
  expect(loadConfig({ AUDIT_RETENTION: "7d" }).auditRetentionMs).toBe(7 * 86_400_000);
  expect(loadConfig({ SERVICES: "api" }).metricsPort).toBeNull();
  // Lists from before these were services of their own.
  expect(loadConfig({ SERVICES: "batch,outbox" }).services).toEqual(["batch", "outbox", "retention", "stats"]);
  expect(loadConfig({ SERVICES: "retention,batch" }).services).toEqual(["retention", "batch", "stats"]);
  expect(loadConfig({ SERVICES: "api" }).services).toEqual(["api", "imports", "operator", "audit", "stats"]);
  expect(loadConfig({}, { isTerminal: true }).logFormat).toBe("pretty");
  expect(loadConfig({ PORT: "", LOG_LEVEL: "  " })).toMatchObject({ port: 3000, logLevel: "info" });
});

describe(".env", envFileTests);

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
