import type { ServiceBroker } from "moleculer";
import { call } from "../messages.ts";
import type { Check, Readiness } from "./monitor.contract.ts";

const PATIENCE_MS = 2_000;
const NOTHING_TO_ASK = Promise.resolve(null);

/**
 * Unavailable only without a database, and before the node has started or after its stop began; degraded without Redis or
 * RabbitMQ; what is not configured is "off". Never throws.
 */
export async function readiness(broker: ServiceBroker): Promise<Readiness> {
  const options = { timeout: PATIENCE_MS };
  const [database, redis, rabbitmq] = await Promise.all([
    checked(call(broker, "batch.ping", {}, options)),
    // Whoever uses a server knows of it; a node without that service does not need the server.
    checked(broker.getLocalService("rateLimiter") ? call(broker, "rateLimiter.ping", {}, options) : NOTHING_TO_ASK),
    checked(broker.getLocalService("outbox") ? call(broker, "outbox.ping", {}, options) : NOTHING_TO_ASK),
  ]);
  // While services of this node still start, `batch` may answer from here or from another one.
  const isServing = broker.started && !broker.stopping;
  const isUp = isServing && !isDown(database);
  const status = isDown(redis) || isDown(rabbitmq) ? "degraded" : "ok";
  return { status: isUp ? status : "unavailable", checks: { database, redis, rabbitmq } };
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
