/** What the node tells of itself, over HTTP. */
import { call } from "../../messages.ts";
import { METRICS_TYPE } from "../../monitor/monitor.contract.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";

export async function sendMetrics({ ctx, res }: Exchange): Promise<undefined> {
  const text = await call(ctx, "monitor.metrics", {});
  res.writeHead(200, { "content-type": METRICS_TYPE, "content-length": Buffer.byteLength(text) }).end(text);
}

export async function getStats({ ctx }: Exchange): Promise<Reply> {
  return json(200, await call(ctx, "monitor.stats", {}));
}
