/**
 * The promise: /metrics in OpenMetrics 1.0 has the same samples as in Prometheus' text format, and exemplars of sampled traces.
 */
import { context, propagation, trace } from "@opentelemetry/api";
import { AlwaysOnSampler, NodeTracerProvider, ParentBasedSampler } from "@opentelemetry/sdk-trace-node";
import { ServiceBroker } from "moleculer";
import { counter, histogram, readWhenAsked } from "../../../lib/metrics/figures.ts";
import { histogramBy } from "../../../lib/metrics/spread.ts";
import { contextOf, inSpan } from "../../../lib/trace/trace.ts";
import { openMetricsText, prometheusText } from "../../../services/monitor/monitor.prometheus.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const caller = (flags: string) => contextOf({ traceparent: `00-${TRACE}-b7ad6b7169203331-${flags}` });

let broker: ServiceBroker;
beforeEach(() => {
  broker = new ServiceBroker({ logger: false });
});
afterEach(() => {
  for (const part of [trace, context, propagation]) part.disable();
});

const gauge = (name: string, value: number, labels: Record<string, string> = {}) =>
  readWhenAsked(broker, { type: "gauge", name, help: name, labelNames: Object.keys(labels) }, () => [
    { value, labels },
  ]);

/** The samples of a text without its comments, sorted. */
const samples = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .sort();

test("counters keep the names of their samples, and what has no name of a counter is unknown", async () => {
  counter(broker, { name: "shop_orders_total", help: "Orders." }, "kind", ["a"]).add("a", 2);
  counter(broker, { name: "shop_sent_bytes", help: "Bytes." }, "kind", ["a"]).add("a", 3);
  counter(broker, { name: "shop_carts_total", help: "Carts." }, "kind", ["a"]);
  gauge("shop_carts", Number.NaN, { of: 'a "quote" and a \\' });
  const text = await openMetricsText(broker);
  expect(text).toBe(
    [
      ...["# HELP shop_orders Orders.", "# TYPE shop_orders counter", 'shop_orders_total{kind="a"} 2'],
      ...["# HELP shop_sent_bytes Bytes.", "# TYPE shop_sent_bytes unknown", 'shop_sent_bytes{kind="a"} 3'],
      ...["# HELP shop_carts_total Carts.", "# TYPE shop_carts_total unknown", 'shop_carts_total{kind="a"} 0'],
      ...["# HELP shop_carts shop_carts", "# TYPE shop_carts gauge", 'shop_carts{of="a \\"quote\\" and a \\\\"} Nan'],
      "# EOF\n",
    ].join("\n"),
  );
  const other = await prometheusText(broker);
  expect(other).toContain("# TYPE shop_orders_total counter\n");
  expect(samples(other)).toEqual(samples(text));
});

test("bounds are written as OpenMetrics has numbers", async () => {
  const figure = { name: "shop_seconds", help: "Times." };
  histogram(broker, figure, [0.5, 1, 10, 1_000_000, 25_000_000])(3);
  gauge("shop_level", 1, { le: "1" });
  const bounds = [...(await openMetricsText(broker)).matchAll(/shop_\w+\{le="(\S+)"\} (\d)/g)].map(([, le, n]) => [
    le,
    n,
  ]);
  expect(bounds).toEqual([
    ["0.5", "0"],
    ["1.0", "0"],
    ["10.0", "1"],
    ["1e+06", "1"],
    ["2.5e+07", "1"],
    ["+Inf", "1"],
    ["1", "1"],
  ]);
});

test("each bucket tells its last value that a sampled trace had, in OpenMetrics alone", async () => {
  new NodeTracerProvider({ sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }) }).register();
  const time = histogramBy(broker, { name: "shop_seconds", help: "Times.", label: "of", bounds: [1, 2] });
  const within = (flags: string, value: number) =>
    inSpan("work", async () => time("a", value), { parent: caller(flags) });
  time("a", 0.25);
  await within("00", 0.5);
  await within("01", 1.25);
  await within("01", 1.5);
  await within("00", 1.75);
  await within("01", 7);
  await inSpan("work", async () => time("b", 0.5, "ab"));
  const at = "1\\d{9}(?:\\.\\d+)?";
  const found = (await openMetricsText(broker)).split("\n").filter((line) => line.includes("_bucket"));
  expect(found).toEqual([
    'shop_seconds_bucket{of="a",le="1.0"} 2',
    expect.stringMatching(`^shop_seconds_bucket{of="a",le="2.0"} 5 # {trace_id="${TRACE}"} 1.5 ${at}$`),
    expect.stringMatching(`^shop_seconds_bucket{of="a",le="\\+Inf"} 6 # {trace_id="${TRACE}"} 7 ${at}$`),
    expect.stringMatching(`^shop_seconds_bucket{of="b",le="1.0"} 1 # {trace_id="ab"} 0.5 ${at}$`),
    'shop_seconds_bucket{of="b",le="2.0"} 1',
    'shop_seconds_bucket{of="b",le="+Inf"} 1',
  ]);
  expect(await prometheusText(broker)).not.toContain("trace_id");
});
