/** A collector of spans: it receives OTLP over HTTP as JSON, and keeps what it received. */
import { type Receiver, startReceiver } from "./receiver.ts";

interface Value {
  stringValue?: string;
  intValue?: number;
}

interface Sent {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: { key: string; value: Value }[];
  links?: { traceId: string; spanId: string }[];
  status: { code?: number };
}

interface Body {
  resourceSpans: { resource: Pick<Sent, "attributes">; scopeSpans: { spans: Sent[] }[] }[];
}

export interface CollectedSpan extends Omit<Sent, "attributes"> {
  attributes: Record<string, string | number | undefined>;
  /** The attributes of the node that sent the span. */
  resource: Record<string, string | number | undefined>;
}

export interface Collector {
  /** The URL for OTEL_EXPORTER_OTLP_ENDPOINT. */
  url: string;
  spans(): CollectedSpan[];
  close: Receiver["close"];
}

const asRecord = (attributes: Sent["attributes"]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));

/** Starts a collector. With `isSilent` it accepts requests and never answers. */
export async function startCollector(isSilent = false): Promise<Collector> {
  const receiver = await startReceiver(() => (isSilent ? undefined : 200));
  return {
    url: new URL(receiver.url).origin,
    close: receiver.close,
    spans: () =>
      receiver.got.flatMap(({ body }) =>
        (JSON.parse(body) as Body).resourceSpans.flatMap(({ resource, scopeSpans }) =>
          scopeSpans
            .flatMap(({ spans }) => spans)
            .map((span) => ({
              ...span,
              attributes: asRecord(span.attributes),
              resource: asRecord(resource.attributes),
            })),
        ),
      ),
  };
}
