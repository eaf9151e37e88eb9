import type { ServiceBroker } from "moleculer";
import { Recent } from "../../mixins/recent.ts";
import { call } from "../messages.ts";
import type { Check, Readiness } from "./monitor.contract.ts";

type Checks = Readiness["checks"];

const PATIENCE_MS = 2_000;
const NOTHING_TO_ASK = Promise.resolve(null);
/** Each check writes, and anybody may ask. What is down is looked at again sooner, so that a node is back at once. */
const KEPT_MS = 1_000;
const KEPT_DOWN_MS = 100;

/**
 * Unavailable only without a database that takes writes, and before the node has started or after its stop began; degraded
 * without Redis or RabbitMQ; what is not configured is "off". A check is up to 1 s old.
 */
export class Health {
  private readonly broker: ServiceBroker;
  private readonly checks: Recent<Checks>;

  constructor(broker: ServiceBroker) {
    this.broker = broker;
    const keepMs = (checks: Checks) => (Object.values(checks).some(isDown) ? KEPT_DOWN_MS : KEPT_MS);
    this.checks = new Recent(() => checksOf(broker), keepMs);
  }

  /** Never throws. */
  async readiness(): Promise<Readiness> {
    const checks = await this.checks.get();
    // While services of this node still start, `batch` may answer from here or from another one.
    const isServing = this.broker.started && !this.broker.stopping;
    const isUp = isServing && !isDown(checks.database);
    const status = isDown(checks.redis) || isDown(checks.rabbitmq) ? "degraded" : "ok";
    return { status: isUp ? status : "unavailable", checks };
  }
}

async function checksOf(broker: ServiceBroker): Promise<Checks> {
  const options = { timeout: PATIENCE_MS };
  const [database, redis, rabbitmq] = await Promise.all([
    checked(call(broker, "batch.ping", {}, options)),
    // Whoever uses a server knows of it; a node without that service does not need the server.
    checked(broker.getLocalService("rateLimiter") ? call(broker, "rateLimiter.ping", {}, options) : NOTHING_TO_ASK),
    checked(broker.getLocalService("outbox") ? call(broker, "outbox.ping", {}, options) : NOTHING_TO_ASK),
  ]);
  return { database, redis, rabbitmq };
}

const isDown = (check: Check) => check !== "off" && check.status === "down";

/** A round trip in ms; null: there is nothing to ask. */
async function checked(ping: Promise<number | null>): Promise<Check> {
  try {
    const ms = await ping;
    return ms === null ? "off" : { status: "up", latencyMs: Number(ms.toFixed(2)) };
  } catch {
    return { status: "down" };
  }
}
