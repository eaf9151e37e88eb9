import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import type { Service, ServiceBroker } from "moleculer";
import { configOf, maskUrl } from "../config/config.ts";
import { type Database, type DatabaseOptions, openDatabase } from "../database/database.ts";
import { DatabaseRefused, DatabaseUnavailable, isOutcomeUnknown } from "../database/errors.ts";
import { isUnavailable } from "../database/unavailable.ts";
import { behind, wrongUrl } from "../database/wrong-url.ts";
import { Problem } from "../lib/errors.ts";
import { define, fields, type GivenBy } from "./define.ts";

interface Shared {
  database: Promise<Database>;
  users: number;
}

/** One database for each node; its services share it. */
const shared = new WeakMap<ServiceBroker, Shared>();

/** Connections beside those of running batches, for leases, sweeps, events and uploads. */
const CONNECTIONS_BESIDE = 4;

/** How often a log line says what the start waits for. */
const RETRY_MS = 3_000;
/**
 * How long to wait for a database that its server has not opened yet. SQL Server opens its databases one after another; after a
 * crash a large one takes about a minute.
 */
const OPENING_MS = 120_000;

/**
 * Opens the database. It waits for a server that is away or whose name is unknown, as long as a service needs it. For a database
 * that its server has not opened yet it waits `OPENING_MS`. An unusable file, a wrong login or a wrong kind of server ends the
 * start.
 */
async function open(broker: ServiceBroker): Promise<Database> {
  const { databaseUrl: url, databaseSchema: schema, databasePool, workerConcurrency } = configOf(broker);
  const connections = databasePool ?? workerConcurrency + CONNECTIONS_BESIDE;
  const logger = broker.getLogger("database");
  let refusedAt: number | null = null;
  const mayOpen = (error: unknown): boolean => {
    refusedAt = error instanceof DatabaseRefused && error.mayPass ? (refusedAt ?? performance.now()) : null;
    return refusedAt !== null && performance.now() - refusedAt < OPENING_MS;
  };
  for (;;) {
    try {
      return await openOnce({ url, schema, logger, connections });
    } catch (error) {
      const isFile = url.startsWith("sqlite:");
      const fault = mayOpen(error) ? null : await wrongUrl(url, error);
      if (fault || isFile || !(isUnavailable(error) || refusedAt !== null)) throw fault ?? error;
      if (!shared.has(broker)) throw givenUp();
      logger.warn(`The start waits for the database ${maskUrl(url)} (DATABASE_URL): ${(error as Error).message}`);
      await delay(RETRY_MS);
      if (!shared.has(broker)) throw givenUp();
    }
  }
}

async function openOnce(options: DatabaseOptions): Promise<Database> {
  const database = await openDatabase(options);
  try {
    await bringUpToDate(database, options.url);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** The node was stopped during the wait. The log says what it waited for. */
function givenUp(): DatabaseUnavailable {
  const error = new DatabaseUnavailable("The start was given up while it waited for the database.");
  return Object.assign(error, { [inspect.custom]: () => "[DatabaseUnavailable]" });
}

/** Migrates an embedded file automatically. On a server it does not: a migration would break the other running nodes. */
async function bringUpToDate(database: Database, url: string): Promise<void> {
  if (database.isEmbedded) {
    await database.migrate();
    return;
  }
  const steps = await database.pending();
  if (steps.length > 0) throw behind(url, steps);
}

/** The node's database. The first user opens it. Each user gives it back by `releaseDatabase`. */
export function acquireDatabase(broker: ServiceBroker): Promise<Database> {
  let entry = shared.get(broker);
  if (!entry) {
    entry = { database: open(broker), users: 0 };
    shared.set(broker, entry);
  }
  entry.users++;
  return entry.database;
}

/** Called when the node stops. From then on a database that does not answer within `ms` counts as away. */
export async function hurryDatabase(broker: ServiceBroker, ms: number): Promise<void> {
  const database = await shared.get(broker)?.database.catch(() => null);
  database?.limitWaits(ms);
}

/** Gives the database back. The last user closes it. */
export async function releaseDatabase(broker: ServiceBroker): Promise<void> {
  const entry = shared.get(broker);
  if (!entry || --entry.users > 0) return;
  shared.delete(broker);
  // `started` has reported the failed opening. There is nothing to close.
  const database = await entry.database.catch(() => null);
  await database?.close();
}

/** The shortest time between two log lines: while the database is away, each request would log the same. */
const TOLD_EVERY_MS = 5_000;
const toldAt = new WeakMap<ServiceBroker, number>();

function tell({ broker, logger }: Service, message: string): void {
  const now = performance.now();
  if (now - (toldAt.get(broker) ?? Number.NEGATIVE_INFINITY) < TOLD_EVERY_MS) return;
  toldAt.set(broker, now);
  logger.error("The database is away:", message);
}

/** The problem that callers get. It says if the outcome of their write is unknown. */
export function databaseAway(error: unknown, members: { batchId?: string } = {}): Problem {
  const headers = { "Retry-After": "5" };
  if (!isOutcomeUnknown(error)) return new Problem("unavailable", "The database is away.", { headers });
  const detail = "The database went away meanwhile: whether it was done is not known.";
  return new Problem("unavailable", detail, { outcome: "unknown", ...members, headers });
}

/**
 * Gives a service `this.database`, and turns errors of a database that is away into the problem `unavailable`. The node's first
 * user opens the database, its last one closes it.
 */
export const databaseMixin = define({
  /** `database` is set from `started` to `stopped`. */
  state: fields<{ database: Database; hasDatabase: boolean }>(),
  hooks: {
    error: {
      "*"(_ctx, error) {
        if (!isUnavailable(error)) throw error;
        // All services have given the database back, so the node stops. What still runs is late, and operators need not look at
        // the database.
        const isGivenBack = !shared.has(this.broker);
        if (!isGivenBack) tell(this, error.message);
        throw databaseAway(error);
      },
    },
  },
  methods: {
    /** Releases the database before `stopped`, for a service whose stop takes long. A second call does nothing. */
    async releaseDatabase() {
      if (!this.hasDatabase) return;
      this.hasDatabase = false;
      await releaseDatabase(this.broker);
    },
  },
  async started() {
    // Set first, so that a stop during the start can end the wait for the database.
    this.hasDatabase = true;
    this.database = await acquireDatabase(this.broker);
  },
  async stopped() {
    await this.releaseDatabase();
  },
});

/** What a service finds on `this` with this mixin. */
export type WithDatabase = GivenBy<typeof databaseMixin>;
