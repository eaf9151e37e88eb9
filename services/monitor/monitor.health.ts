import type { ServiceBroker } from "moleculer";
import { Recent } from "../../lib/batching/recent.ts";
import { actors } from "../actors.ts";
import type { Check, Readiness } from "./monitor.contract.ts";
import type { TableDatabases } from "./monitor.tables.ts";

type Server = Exclude<keyof Readiness["checks"], "tables">;

const PATIENCE_MS = 2_000;
const NOTHING_TO_ASK = Promise.resolve(null);
/** How long a check of the database is reused: it writes, and anybody may call it. A failed check is repeated sooner. */
const KEPT_MS = 1_000;
const KEPT_DOWN_MS = 100;
/** For figures, which are made each second after the database has answered: the check only adds that it takes writes. */
const KEPT_CALM_MS = 10_000;

/**
 * The health of the node. It is unavailable if the database takes no writes, before the node has started, and once its stop
 * has begun. It is degraded without Redis, RabbitMQ or a table database. A server that is not configured is "off". The database's check may
 * be up to 1 s old. Callers at the same time share the checks of Redis and RabbitMQ.
 */
export class Health {
  private readonly broker: ServiceBroker;
  private readonly checks: { [Name in Server]: Recent<Check> };
  /** The database's check, less often. */
  private readonly calm: Recent<Check>;
  private readonly tables: TableDatabases;

  constructor(broker: ServiceBroker, tables: TableDatabases) {
    this.broker = broker;
    this.tables = tables;
    const options = { timeout: PATIENCE_MS };
    this.checks = {
      database: new Recent(
        () => checked(actors.batch.ping(broker, {}, options)),
        (check) => (isDown(check) ? KEPT_DOWN_MS : KEPT_MS),
      ),
      // The service that uses a server checks it. A node without that service needs no such server.
      redis: shared(() =>
        broker.getLocalService("rateLimiter") ? actors.rateLimiter.ping(broker, {}, options) : NOTHING_TO_ASK,
      ),
      rabbitmq: shared(() =>
        broker.getLocalService("outbox") ? actors.outbox.ping(broker, {}, options) : NOTHING_TO_ASK,
      ),
    };
    this.calm = new Recent(
      () => this.checks.database.get(),
      (check) => (isDown(check) ? KEPT_DOWN_MS : KEPT_CALM_MS),
    );
  }

  /** Checks all servers. It never throws. `isCalm`: the check of the database may be up to 10 s old. */
  async readiness(isCalm = false): Promise<Readiness> {
    const { database, redis, rabbitmq } = this.checks;
    const [db, cache, queue, tables] = await Promise.all([
      (isCalm ? this.calm : database).get(),
      redis.get(),
      rabbitmq.get(),
      this.tables.fresh(),
    ]);
    // While this node still starts, the `batch` that answers may be on another node.
    const isServing = this.broker.started && !this.broker.stopping;
    const isUp = isServing && !isDown(db);
    const status = [cache, queue, ...Object.values(tables)].some(isDown) ? "degraded" : "ok";
    const checks = { database: db, redis: cache, rabbitmq: queue, ...(this.tables.hasAny && { tables }) };
    return { status: isUp ? status : "unavailable", checks };
  }
}

const shared = (ping: () => Promise<number | null>) =>
  new Recent(
    () => checked(ping()),
    () => 0,
  );

const isDown = (check: Check) => check !== "off" && check.status === "down";

/** Measures a round trip in ms; null: the server is not configured. */
async function checked(ping: Promise<number | null>): Promise<Check> {
  try {
    const ms = await ping;
    return ms === null ? "off" : { status: "up", latencyMs: Number(ms.toFixed(2)) };
  } catch {
    return { status: "down" };
  }
}
