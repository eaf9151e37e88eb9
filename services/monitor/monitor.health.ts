import type { ServiceBroker } from "moleculer";
import { Recent } from "../../lib/batching/recent.ts";
import { actors } from "../actors.ts";
import type { Check, Readiness } from "./monitor.contract.ts";

type Checks = Readiness["checks"];

const PATIENCE_MS = 2_000;
const NOTHING_TO_ASK = Promise.resolve(null);
/** How long a check of the database is reused: it writes, and anybody may ask. A failed check is repeated sooner. */
const KEPT_MS = 1_000;
const KEPT_DOWN_MS = 100;

/**
 * Unavailable only without a database that takes writes, and before the node has started or after its stop began; degraded
 * without Redis or RabbitMQ; what is not configured is "off". The database's check is up to 1 s old; those of the others
 * are shared by all who ask at the same time.
 */
export class Health {
  private readonly broker: ServiceBroker;
  private readonly checks: { [Name in keyof Checks]: Recent<Check> };

  constructor(broker: ServiceBroker) {
    this.broker = broker;
    const options = { timeout: PATIENCE_MS };
    this.checks = {
      database: new Recent(
        () => checked(actors.batch.ping(broker, {}, options)),
        (check) => (isDown(check) ? KEPT_DOWN_MS : KEPT_MS),
      ),
      // The service that uses a server checks it. A node without that service does not need the server.
      redis: shared(() =>
        broker.getLocalService("rateLimiter") ? actors.rateLimiter.ping(broker, {}, options) : NOTHING_TO_ASK,
      ),
      rabbitmq: shared(() =>
        broker.getLocalService("outbox") ? actors.outbox.ping(broker, {}, options) : NOTHING_TO_ASK,
      ),
    };
  }

  /** Never throws. */
  async readiness(): Promise<Readiness> {
    const { database, redis, rabbitmq } = this.checks;
    const [db, cache, queue] = await Promise.all([database.get(), redis.get(), rabbitmq.get()]);
    // While services of this node still start, `batch` may answer from here or from another one.
    const isServing = this.broker.started && !this.broker.stopping;
    const isUp = isServing && !isDown(db);
    const status = isDown(cache) || isDown(queue) ? "degraded" : "ok";
    return { status: isUp ? status : "unavailable", checks: { database: db, redis: cache, rabbitmq: queue } };
  }
}

const shared = (ping: () => Promise<number | null>) =>
  new Recent(
    () => checked(ping()),
    () => 0,
  );

const isDown = (check: Check) => check !== "off" && check.status === "down";

/** A round trip in ms; null: the server is not configured. */
async function checked(ping: Promise<number | null>): Promise<Check> {
  try {
    const ms = await ping;
    return ms === null ? "off" : { status: "up", latencyMs: Number(ms.toFixed(2)) };
  } catch {
    return { status: "down" };
  }
}
