/**
 * The span of a request: from its first header to the end of its answer. All work for the request runs in the context
 * of this span.
 */
import type { ServerResponse } from "node:http";
import {
  type Attributes,
  context,
  contextOf,
  failSpan,
  isTracing,
  SpanKind,
  startSpan,
  traceId,
} from "../../../lib/trace/trace.ts";
import { batchIdOf } from "./access.ts";
import type { ApiRequest } from "./head.ts";

/** Handles a request within its span. The span also ends if the client hangs up. */
export function traced(req: ApiRequest, res: ServerResponse, handle: () => void): void {
  if (!isTracing()) {
    handle();
    return;
  }
  const method = req.method ?? "";
  // The span does not have the path, because a path without a route may be anything.
  const attributes = { "http.request.method": method, "url.scheme": "http" };
  // A malformed `traceparent` counts as a missing one (W3C Trace Context, 3.2.2).
  const { span, context: own } = startSpan(method, { kind: SpanKind.SERVER, attributes }, contextOf(req.headers));
  const id = traceId(own);
  if (id !== undefined) req.traceId = id;
  res.once("close", () => {
    const route = req.$alias?.fullPath;
    if (route !== undefined) span.updateName(`${method} ${route}`);
    const status = res.headersSent ? res.statusCode : null;
    span.setAttributes(answered(req, route, status));
    if (status === null || status >= 500) failSpan(span, status === null ? "no answer" : String(status));
    span.end();
  });
  context.with(own, handle);
}

function answered(req: ApiRequest, route: string | undefined, status: number | null): Attributes {
  const batchId = batchIdOf(req, route ?? null);
  return {
    ...(status !== null && { "http.response.status_code": status }),
    ...(route !== undefined && { "http.route": route }),
    ...(status !== null && status >= 500 && { "error.type": String(status) }),
    ...(req.caller && { "dataflow.client": req.caller.client.publicId }),
    ...(batchId !== undefined && { "dataflow.batch.id": batchId }),
  };
}
