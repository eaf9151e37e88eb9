import type { ServiceBroker } from "moleculer";
import { call } from "../messages.ts";
import type { Check, Readiness } from "./monitor.contract.ts";

const PATIENCE_MS = 2_000;

/** Unavailable only without a database, or while the node stops; what is not configured is "off". Never throws. */
export async function readiness(broker: ServiceBroker): Promise<Readiness> {
  const database = await checked(call(broker, "batch.ping", {}, { timeout: PATIENCE_MS }));
  const isUp = !broker.stopping && !isDown(database);
  return { status: isUp ? "ok" : "unavailable", checks: { database, redis: "off", rabbitmq: "off" } };
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
