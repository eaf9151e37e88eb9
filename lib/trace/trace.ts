/**
 * Spans by OpenTelemetry's API, and trace contexts as text (W3C Trace Context). Without an SDK (lib/trace/sdk.ts, or one that the
 * user starts) nothing here does more than one look at the API.
 */
import {
  type Context,
  context,
  isSpanContextValid,
  type Link,
  type ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { version } from "../version.ts";

export { type Attributes, type Context, context, type Span, SpanKind } from "@opentelemetry/api";

const NAME = "dataflow";

/** A trace context as headers, and as members of a CloudEvent (its extension Distributed Tracing). */
export interface TraceHeaders {
  traceparent: string;
  tracestate?: string;
}

/** Whether an SDK takes spans. Without one, callers make no attributes. */
export function isTracing(): boolean {
  // The API's own provider, which has a tracer only from an SDK. An SDK may also be in its place.
  const provider = trace.getTracerProvider() as Partial<ProxyTracerProvider>;
  return provider.getDelegateTracer === undefined || provider.getDelegateTracer(NAME) !== undefined;
}

const tracer = () => trace.getTracer(NAME, version);

/** A span that its caller ends. `parent`: ROOT begins a new trace; omitted: the span that is active here. */
export function startSpan(name: string, options: SpanOptions, parent: Context = context.active()) {
  const span = tracer().startSpan(name, options, parent);
  return { span, context: trace.setSpan(parent, span) };
}

export const ROOT = ROOT_CONTEXT;

/** Marks a span as failed. The text is one of ours, and tells no partner's data. */
export function failSpan(span: Span, reason: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
}

interface Within {
  /** Called only if an SDK takes spans. */
  options?: () => SpanOptions;
  parent?: Context;
}

/** Does the work within a new span, which fails if the work throws. */
export async function inSpan<T>(name: string, work: (span?: Span) => Promise<T>, within: Within = {}): Promise<T> {
  if (!isTracing()) return work();
  const { span, context: own } = startSpan(name, within.options?.() ?? {}, within.parent);
  try {
    return await context.with(own, () => work(span));
  } catch (error) {
    // The message may tell a partner's data.
    failSpan(span, error instanceof Error ? error.name : "thrown");
    throw error;
  } finally {
    span.end();
  }
}

/** The headers of a trace context. Undefined: nothing is traced there. */
export function traceHeaders(of: Context = context.active()): TraceHeaders | undefined {
  if (!trace.getSpan(of)) return undefined;
  const carrier: Partial<TraceHeaders> = {};
  propagation.inject(of, carrier);
  const { traceparent, tracestate } = carrier;
  return traceparent === undefined ? undefined : { traceparent, ...(tracestate && { tracestate }) };
}

/** The trace context that these headers name. Nothing is traced in it if they name none, or if `traceparent` is malformed. */
export const contextOf = (headers: object): Context => propagation.extract(ROOT, headers);

/** The active trace context as one text, to be stored: `traceparent`, a space, `tracestate`. Null: nothing is traced. */
export function traceText(): string | null {
  const headers = traceHeaders();
  return headers ? [headers.traceparent, headers.tracestate].filter(Boolean).join(" ") : null;
}

/** The trace context of a stored text. */
export function contextOfText(text: string | null): Context {
  const [, traceparent, tracestate] = /^(\S+) ?(.*)$/.exec(text ?? "") ?? [];
  return traceparent ? contextOf({ traceparent, ...(tracestate && { tracestate }) }) : ROOT;
}

/**
 * Where work goes on that a trace has begun: the first time within that trace, each further time in a new one with a link to it.
 * A trace that is not sampled goes on as itself, because a new one might be sampled.
 */
export function continued(first: Context, isFirstTime: boolean): { parent: Context; links: Link[] } {
  const begun = trace.getSpanContext(first);
  if (!begun || !isSpanContextValid(begun)) return { parent: ROOT, links: [] };
  if (isFirstTime || !(begun.traceFlags & TraceFlags.SAMPLED)) return { parent: first, links: [] };
  return { parent: ROOT, links: [{ context: begun }] };
}

/** The id of a trace, for log lines; omitted: of the active one. Undefined: nothing is traced. */
export function traceId(of: Context = context.active()): string | undefined {
  const found = trace.getSpanContext(of);
  return found && isSpanContextValid(found) ? found.traceId : undefined;
}

/** The id of the active trace, if it is sampled: a collector has no other. */
export function sampledTrace(): string | undefined {
  const found = trace.getSpanContext(context.active());
  return found && found.traceFlags & TraceFlags.SAMPLED ? traceId() : undefined;
}
