/**
 * Spans of webhook attempts. The first attempt of a delivery continues the trace of its event. Each later attempt has a
 * trace of its own, with a link to the trace of the event.
 */
import type { Sent } from "../../lib/net/send.ts";
import { contextOf, continued, failSpan, inSpan, isTracing, SpanKind, traceHeaders } from "../../lib/trace/trace.ts";
import type { CloudEvent } from "../outbox/outbox.domain.ts";
import type { TakenDelivery } from "./webhook.domain.ts";

/**
 * Sends a delivery with the trace headers. The span has only the host of the URL, because a URL may contain secrets.
 */
export async function inAttempt<T extends Sent>(
  { publicId, event: type, tries }: TakenDelivery,
  event: CloudEvent,
  url: string,
  post: (headers: object) => Promise<T>,
): Promise<T> {
  if (!isTracing()) return post({});
  const { parent, links } = continued(contextOf(event), tries === 1);
  const { hostname } = new URL(url);
  const options = () => ({
    kind: SpanKind.CLIENT,
    links,
    attributes: {
      "http.request.method": "POST",
      "server.address": hostname,
      "dataflow.batch.id": event.subject,
      "dataflow.delivery.id": publicId,
      "dataflow.event": type,
      ...(tries > 1 && { "http.request.resend_count": tries - 1 }),
    },
  });
  const attempt = async (span?: Parameters<typeof failSpan>[0]) => {
    const sent = await post({ ...traceHeaders() });
    if (sent.status !== null) span?.setAttribute("http.response.status_code", sent.status);
    if (span && sent.error !== null) failSpan(span, sent.status === null ? "no answer" : String(sent.status));
    return sent;
  };
  return inSpan("POST webhook", attempt, { parent, options });
}
