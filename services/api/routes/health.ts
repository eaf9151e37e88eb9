import { actors } from "../../actors.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";

export async function getLive(): Promise<Reply> {
  return json(200, { status: "ok" });
}

/** Unavailable only without a database, or while the node starts or stops; what is not configured is "off". */
export async function getReady({ ctx, req }: Exchange): Promise<Reply> {
  const readiness = await actors.monitor.ready(ctx, {});
  const status = req.$service.isStopping ? "unavailable" : readiness.status;
  return json(status === "unavailable" ? 503 : 200, { ...readiness, status });
}
