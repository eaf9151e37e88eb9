/** A collector of spans: takes OTLP over HTTP as JSON, and keeps what it was sent. */
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
  /** Of the node that has sent it. */
  resource: Record<string, string | number | undefined>;
}

export interface Collector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  url: string;
  spans(): CollectedSpan[];
  close: Receiver["close"];
}

const asRecord = (attributes: Sent["attributes"]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));

/** `isSilent`: it takes what is sent, and never answers. */
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
