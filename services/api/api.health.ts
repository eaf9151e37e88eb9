import { call } from "../messages.ts";
import { type Exchange, json, type Reply } from "./api.exchange.ts";

type Check = { status: "up"; latencyMs: number } | { status: "down" } | "off";

export async function getLive(): Promise<Reply> {
  return json(200, { status: "ok" });
}

/** Unavailable only without a database, or while the node stops; degraded without Redis or RabbitMQ; what is not configured is "off". */
export async function getReady({ ctx }: Exchange, isStopping: boolean): Promise<Reply> {
  const options = { timeout: 2_000 };
  const [database, redis, rabbitmq] = await Promise.all([
    checked(call(ctx, "batch.ping", {}, options)),
    checked(call(ctx, "rateLimiter.ping", {}, options)),
    checked(call(ctx, "outbox.ping", {}, options)),
  ]);
  const isUp = !isStopping && !isDown(database);
  const status = isDown(redis) || isDown(rabbitmq) ? "degraded" : "ok";
  return json(isUp ? 200 : 503, {
    status: isUp ? status : "unavailable",
    checks: { database, redis, rabbitmq } satisfies Record<string, Check>,
  });
}

const isDown = (check: Check) => check !== "off" && check.status === "down";

async function checked(ping: Promise<number | null>): Promise<Check> {
  try {
    const ms = await ping;
    return ms === null ? "off" : { status: "up", latencyMs: Number(ms.toFixed(2)) };
  } catch {
    return { status: "down" };
  }
}
