import { call } from "../messages.ts";
import { type Exchange, json, type Reply } from "./api.exchange.ts";

type Check = { status: "up"; latencyMs: number } | { status: "down" } | "off";

export async function getLive(): Promise<Reply> {
  return json(200, { status: "ok" });
}

/** Unavailable only without a database, or while the node stops; what is not configured is "off". */
export async function getReady(exchange: Exchange, isStopping: boolean): Promise<Reply> {
  const database = await pinged(exchange);
  const isUp = !isStopping && database !== "off" && database.status === "up";
  return json(isUp ? 200 : 503, {
    status: isUp ? "ok" : "unavailable",
    checks: { database, redis: "off", rabbitmq: "off" } satisfies Record<string, Check>,
  });
}

async function pinged({ ctx }: Exchange): Promise<Check> {
  try {
    const ms = await call(ctx, "batch.ping", {}, { timeout: 2_000 });
    return { status: "up", latencyMs: Number(ms.toFixed(2)) };
  } catch {
    return { status: "down" };
  }
}
