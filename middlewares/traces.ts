/**
 * Starts and ends the SDK of OpenTelemetry with the node, and makes spans of calls that cross nodes. Their context is in `ctx.meta`,
 * under the names of the W3C's headers, where a service of the company's own finds it too. A call within a node has no span.
 */
import type { ActionHandler, ActionSchema, Context, Middleware, Service, ServiceBroker } from "moleculer";
import { startSdk, stopSdk } from "../lib/trace/sdk.ts";
import { contextOf, inSpan, isTracing, SpanKind, traceHeaders } from "../lib/trace/trace.ts";

type Call = (ctx: unknown) => Promise<unknown>;

const options = (kind: SpanKind, { name = "" }: ActionSchema) => ({
  kind,
  attributes: { "rpc.system": "moleculer", "rpc.method": name },
});

export const tracesMiddleware: Middleware = {
  name: "Traces",
  starting: (broker: ServiceBroker) => startSdk(broker),
  stopped: (broker: ServiceBroker) => stopSdk(broker),

  /** Makes the span on the side of the called node. */
  localAction(this: ServiceBroker, next: ActionHandler<Service>, action: ActionSchema) {
    const call = next as Call;
    return (ctx: Context) => {
      if (ctx.nodeID === this.nodeID || !isTracing()) return call(ctx);
      const within = { parent: contextOf(ctx.meta), options: () => options(SpanKind.SERVER, action) };
      return inSpan(action.name ?? "", () => call(ctx), within);
    };
  },

  /** Makes the span on the side of the calling node. */
  remoteAction(this: ServiceBroker, next: ActionHandler<Service>, action: ActionSchema) {
    const call = next as Call;
    return (ctx: Context) => {
      if (!isTracing()) return call(ctx);
      const asked = () => {
        Object.assign(ctx.meta, traceHeaders());
        return call(ctx);
      };
      return inSpan(action.name ?? "", asked, { options: () => options(SpanKind.CLIENT, action) });
    };
  },
};
