/** Spans with an SDK, nothing without one, trace contexts as text, and an SDK that is not installed. */
import { context, propagation, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import type { ServiceBroker } from "moleculer";
import { loadConfig, useConfig } from "../../../config/config.ts";
import { startSdk, stopSdk } from "../../../lib/trace/sdk.ts";
import {
  contextOf,
  contextOfText,
  continued,
  inSpan,
  isTracing,
  traceId,
  traceText,
} from "../../../lib/trace/trace.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const headers = (flags = "01") => ({ traceparent: `00-${TRACE}-b7ad6b7169203331-${flags}`, tracestate: "a=b c,d=e" });

/** The part of a node that the start of the SDK needs. */
function nodeWith(env: Record<string, string>) {
  const warned: string[] = [];
  const logger = { warn: (...told: unknown[]) => void warned.push(told.join(" ")) };
  // The SDK's start uses only these members.
  const broker = { nodeID: "node-1", getLogger: () => logger } as unknown as ServiceBroker;
  useConfig(broker, loadConfig({ ADMIN_TOKEN: "x".repeat(24), ...env }));
  return broker;
}

afterEach(() => {
  for (const part of [trace, context, propagation]) part.disable();
});

test("without an SDK work is done as it is, and no attribute is made", async () => {
  expect(isTracing()).toBe(false);
  const options = jest.fn(() => ({}));
  expect(await inSpan("work", async (span) => [span, traceText(), traceId()], { options })).toEqual([
    undefined,
    null,
    undefined,
  ]);
  expect(options).not.toHaveBeenCalled();
  expect(traceId(contextOf(headers()))).toBeUndefined();
});

describe("with an SDK", () => {
  let exporter: InMemorySpanExporter;
  beforeEach(() => {
    exporter = new InMemorySpanExporter();
    new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  });

  test("a context survives as text, with its state", async () => {
    const text = await inSpan("request", async () => traceText(), { parent: contextOf(headers()) });
    expect(text).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01 a=b c,d=e$`));
    const stored = trace.getSpanContext(contextOfText(text));
    expect(stored).toMatchObject({ traceId: TRACE, spanId: exporter.getFinishedSpans()[0]?.spanContext().spanId });
    expect(stored?.traceState?.serialize()).toBe("a=b c,d=e");
  });

  test.each([null, "", "nonsense", `00-${TRACE}-b7ad6b7169203331-01-more`])(
    "the stored text %j is no context",
    (text) => {
      expect(traceId(contextOfText(text))).toBeUndefined();
      expect(continued(contextOfText(text), false)).toMatchObject({ links: [] });
    },
  );

  test("work goes on in its trace once, then with a link to it; what is not sampled stays what it is", () => {
    const [sampled, silent] = [contextOf(headers()), contextOf(headers("00"))];
    expect(continued(sampled, true)).toEqual({ parent: sampled, links: [] });
    expect(continued(sampled, false)).toMatchObject({ links: [{ context: { traceId: TRACE } }] });
    expect(traceId(continued(sampled, false).parent)).toBeUndefined();
    expect(continued(silent, false)).toEqual({ parent: silent, links: [] });
  });

  test("a span of work that throws has failed, without the error's text", async () => {
    const throwing = async () => Promise.reject(new RangeError("a secret"));
    await expect(inSpan("work", throwing)).rejects.toThrow("a secret");
    expect(exporter.getFinishedSpans()).toMatchObject([{ status: { code: 2, message: "RangeError" }, events: [] }]);
  });

  test("the node starts no second one", async () => {
    const load = jest.fn();
    await startSdk(nodeWith({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" }), load);
    expect(load).not.toHaveBeenCalled();
  });
});

test("an SDK that is not installed ends the start, with its name and what adds it", async () => {
  const load = async (name: string) => {
    if (name.includes("otlp")) throw Object.assign(new Error("no"), { code: "ERR_MODULE_NOT_FOUND" });
    return {};
  };
  const starting = startSdk(nodeWith({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" }), load);
  await expect(starting).rejects.toThrow(
    'OTEL_EXPORTER_OTLP_ENDPOINT: expected the package @opentelemetry/exporter-trace-otlp-http, which "npm install --omit=dev --include=optional" adds',
  );
  expect(isTracing()).toBe(false);
});

test("it is started only where an endpoint is set, and is gone after the stop", async () => {
  const load = jest.fn((name: string) => import(name));
  await startSdk(nodeWith({}), load);
  expect([load.mock.calls.length, isTracing()]).toEqual([0, false]);
  const node = nodeWith({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" });
  await startSdk(node, load);
  expect(isTracing()).toBe(true);
  await stopSdk(node);
  expect(isTracing()).toBe(false);
});
