// An OpenTelemetry SDK as a user starts it: NODE_OPTIONS="--import …/traces.sdk.mjs". It sends each span at once.
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";

new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "own" }),
  spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter())],
}).register();
