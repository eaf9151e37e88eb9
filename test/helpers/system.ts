/** A whole embedded DataFlow in this process, on a database of its own and a free port. */
import { rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Middleware, ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../../config/config.ts";
import { withCompanions } from "../../config/services.ts";
import { openDatabase } from "../../database/database.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import alerts from "../../services/alerts/alerts.service.ts";
import api from "../../services/api/api.service.ts";
import audit from "../../services/audit/audit.service.ts";
import batch from "../../services/batch/batch.service.ts";
import batchLock from "../../services/batchLock/batchLock.service.ts";
import batchProcessor from "../../services/batchProcessor/batchProcessor.service.ts";
import clientCache from "../../services/clientCache/clientCache.service.ts";
import imports from "../../services/imports/imports.service.ts";
import operator from "../../services/operator/operator.service.ts";
import outbox from "../../services/outbox/outbox.service.ts";
import policy from "../../services/policy/policy.service.ts";
import rateLimiter from "../../services/rateLimiter/rateLimiter.service.ts";
import retention from "../../services/retention/retention.service.ts";
import stats from "../../services/stats/stats.service.ts";
import webhook from "../../services/webhook/webhook.service.ts";
import { migratedPostgres, type Schema } from "./database.ts";
import { folderForDatabase } from "./folder.ts";
import { untilStopped } from "./left.ts";
import { freshMssqlDatabase } from "./mssql.ts";
import { copyTemplate } from "./template.ts";

export const ADMIN_TOKEN = "a-token-for-tests-of-24-characters-or-more";

/**
 * For tests in which batches wait for something: a node looks at least so often whether they can go on. A sweep is some forty statements:
 * ten in a second take a tenth of a core for as long as the node runs.
 */
export const quick = { SWEEP_INTERVAL: "250ms", POLL_INTERVAL: "250ms" };

const all: Record<string, ServiceSchema> = {
  alerts,
  api,
  audit,
  batch,
  batchLock,
  batchProcessor,
  clientCache,
  imports,
  operator,
  outbox,
  policy,
  rateLimiter,
  retention,
  stats,
  webhook,
};

export interface SystemOptions {
  /** The services to start, with those that they depend on. Left out: all. */
  services?: string[];
  /** Settings beside those that every test needs (database, port, token, log level). */
  env?: Record<string, string>;
  /** Settings that replace a service's own, by the name of the service. */
  settings?: Record<string, object>;
  /** Further services of the test, such as handlers. */
  extra?: ServiceSchema[];
  /** The outermost middleware, which sees every call and event. */
  watch?: Middleware;
}

export interface System {
  broker: ServiceBroker;
  url: string;
  folder: string;
  /** Stops the system and removes its database. */
  stop(): Promise<void>;
}

/** Starts a system. Throws what the start throws, and then leaves nothing behind. */
export async function startSystem({
  services = Object.keys(all),
  env = {},
  settings = {},
  extra = [],
  watch,
}: SystemOptions = {}): Promise<System> {
  const folder = folderForDatabase();
  const { url: databaseUrl, drop } = await place(folder);
  const config = loadConfig({
    DATABASE_URL: databaseUrl,
    // No schema, because the statements of tests use plain table names.
    DATABASE_SCHEMA: "none",
    PORT: "0",
    ADMIN_TOKEN,
    LOG_LEVEL: "error",
    HANDLERS_DIR: folder,
    ...env,
  });
  const options = brokerOptions(config);
  const middlewares = [...(watch ? [watch] : []), ...(options.middlewares ?? [])];
  const broker = new ServiceBroker({ ...options, middlewares, skipProcessEventRegistration: true });
  for (const name of withCompanions(services))
    broker.createService(withSettings(all[name] as ServiceSchema, settings[name]));
  for (const schema of extra) broker.createService(schema);
  const end = untilStopped(async () => {
    await broker.stop();
    await drop();
    rmSync(folder, { recursive: true, force: true });
  });
  await broker.start().catch(async (error) => {
    await end();
    throw error;
  });
  const server = (broker.getLocalService("api") as { server?: { address(): AddressInfo } } | undefined)?.server;
  return {
    broker,
    url: server ? `http://127.0.0.1:${server.address().port}` : "",
    folder,
    stop: end,
  };
}

/** The place for a system's data on the database that this run tests: a file, or a database in PostgreSQL or SQL Server. */
async function place(folder: string): Promise<Schema> {
  const { TEST_DATABASE: kind } = process.env;
  if (!kind) {
    const file = join(folder, "test.db");
    // A benchmark has no template, so its node migrates the file itself.
    if (process.env.TEST_SQLITE_TEMPLATE) copyTemplate(file);
    return { url: `sqlite:${file}`, drop: async () => undefined };
  }
  if (kind === "postgres") return migratedPostgres();
  const own = await freshMssqlDatabase();
  const database = await openDatabase({ url: own.url });
  await database.migrate();
  await database.close();
  return own;
}

/** A copy of a service schema with other settings. `created` writes to a schema's settings, so each system needs its own copy. */
const withSettings = (schema: ServiceSchema, own: object = {}): ServiceSchema => ({
  ...schema,
  settings: { ...schema.settings, ...own },
});
