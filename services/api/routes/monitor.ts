/** What the node tells of itself, over HTTP. */
import { actors } from "../../actors.ts";
import { METRICS_TYPE } from "../../monitor/monitor.contract.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";

export async function sendMetrics({ ctx, res }: Exchange): Promise<undefined> {
  const text = await actors.monitor.metrics(ctx, {});
  res.writeHead(200, { "content-type": METRICS_TYPE, "content-length": Buffer.byteLength(text) }).end(text);
}

export async function getStats({ ctx }: Exchange): Promise<Reply> {
  return json(200, await actors.monitor.stats(ctx, {}));
}
