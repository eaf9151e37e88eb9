/** The promise: our own cheap metering counts calls in place of Moleculer's, under the same names. */
import { ServiceBroker } from "moleculer";
import { counter, readWhenAsked } from "../../../lib/metrics/figures.ts";
import { internalMiddlewares } from "../../../middlewares/metering.ts";
import { prometheusText } from "../../../services/monitor/monitor.prometheus.ts";

let broker: ServiceBroker;
beforeEach(async () => {
  const metrics = { enabled: true, collectProcessMetrics: false, defaultQuantiles: null as unknown as number[] };
  broker = new ServiceBroker({ logger: false, metrics, internalMiddlewares: false, middlewares: internalMiddlewares });
  const wrong = () => Promise.reject(new Error('"no"\n'));
  broker.createService({ name: "it", actions: { works: () => 7, fails: wrong, heard: () => broker.emit("news") } });
  broker.createService({ name: "other", events: { news: () => {} } });
  await broker.start();
});
afterEach(() => broker.stop());

const labels = (action: string) => `{service="it",action="it.${action}",type="local"}`;

test("answers and errors pass through, and are counted with durations", async () => {
  expect(await broker.call("it.works")).toBe(7);
  expect(await broker.call("it.works")).toBe(7);
  await expect(broker.call("it.fails")).rejects.toThrow('"no"');
  const text = await prometheusText(broker);
  expect(text).toContain(`moleculer_request_total${labels("works")} 2\n`);
  expect(text).toContain(`moleculer_request_time_count${labels("works")} 2\n`);
  expect(text).toContain(`moleculer_request_error_total${labels("fails")} 1\n`);
  expect(text).toContain(`moleculer_request_total${labels("fails")} 1\n`);
  expect(await prometheusText(broker)).toBe(text);
});

test("Moleculer's own metering of calls and listeners does not run as well", async () => {
  await broker.call("it.heard");
  const text = await prometheusText(broker);
  expect(text).not.toContain("moleculer_request_active{");
  expect(text).not.toContain("moleculer_event_received_total{");
  expect(text).toContain('moleculer_event_emit_total{event="news"} 1');
});

test("a label accepts only declared values", async () => {
  const figure = { name: "dataflow_test_total", help: 'With "quotes", a \\ and\na line.' };
  const counted = counter(broker, figure, "outcome", ["a", "b"]);
  counted.add("b", 3);
  expect(() => counted.add("c" as "a")).toThrow('dataflow_test_total has no outcome "c".');
  expect(await prometheusText(broker)).toContain(
    [
      '# HELP dataflow_test_total With "quotes", a \\\\ and\\na line.',
      "# TYPE dataflow_test_total counter",
      'dataflow_test_total{outcome="a"} 0',
      'dataflow_test_total{outcome="b"} 3',
    ].join("\n"),
  );
});

test("metrics that a handler adds to Moleculer's registry are shown beside ours", async () => {
  const { metrics } = broker;
  metrics.register({ name: "shop.orders", type: "counter", labelNames: ["kind", "unused"] });
  metrics.increment("shop.orders", { kind: 7 });
  metrics.register({
    name: "shop.time",
    type: "histogram",
    description: "Of orders.",
    buckets: [10, 9],
    quantiles: [],
  });
  metrics.observe("shop.time", 9.5);
  metrics.register({ name: "shop.words", type: "info" });
  metrics.set("shop.words", "secret");
  metrics.register({ name: "shop.none", type: "counter" });
  const text = await prometheusText(broker);
  expect(text).toContain('# HELP shop_orders shop.orders\n# TYPE shop_orders counter\nshop_orders{kind="7"} 1\n');
  expect(text).toContain(
    [
      "# HELP shop_time Of orders.",
      "# TYPE shop_time histogram",
      'shop_time_bucket{le="9"} 0',
      'shop_time_bucket{le="10"} 1',
      'shop_time_bucket{le="+Inf"} 1',
      "shop_time_sum 9.5",
      "shop_time_count 1",
    ].join("\n"),
  );
  expect(text).not.toMatch(/secret|shop_none/);
});

test("our metric is not shown twice if Moleculer's registry has one of the same name", async () => {
  readWhenAsked(broker, { type: "gauge", name: "shop_open", help: "Ours." }, () => [{ value: 1 }]);
  broker.metrics.register({ name: "shop.open", type: "gauge" });
  broker.metrics.set("shop.open", 7);
  expect((await prometheusText(broker)).match(/^shop_open.*/gm)).toEqual(["shop_open 1"]);
});

test("several readers may add values to one metric, read anew each time", async () => {
  const figure = { type: "counter", name: "dataflow_parts_total", help: "Parts.", labelNames: ["of"] } as const;
  let a = 1;
  readWhenAsked(broker, figure, () => [{ value: a, labels: { of: "a" } }]);
  readWhenAsked(broker, figure, () => [{ value: 5, labels: { of: "b" } }]);
  await prometheusText(broker);
  a = 3;
  const text = await prometheusText(broker);
  expect(text).toContain('dataflow_parts_total{of="a"} 3\ndataflow_parts_total{of="b"} 5\n');
});

test("events are counted by name, packets and bytes by type", async () => {
  const node = (nodeID: string) =>
    new ServiceBroker({
      nodeID,
      logger: false,
      transporter: "Fake",
      metrics: { enabled: true, collectProcessMetrics: false },
      internalMiddlewares: false,
      middlewares: internalMiddlewares,
    });
  const [one, other] = [node("one"), node("other")];
  other.createService({ name: "there", actions: { works: () => 7 } });
  await Promise.all([one.start(), other.start()]);
  await one.waitForServices("there");
  await one.call("there.works");
  await one.broadcast("told", { a: 1 });
  await one.broadcastLocal("kept");
  const samples = (text: string) => new Map(text.split("\n").map((line) => line.split(" ") as [string, string]));
  const sent = samples(await prometheusText(one));
  const taken = samples(await prometheusText(other));
  await Promise.all([one.stop(), other.stop()]);
  expect(sent.get('moleculer_event_broadcast_total{event="told"}')).toBe("1");
  expect(sent.get('moleculer_event_broadcast_local_total{event="kept"}')).toBe("1");
  expect(sent.has('moleculer_event_broadcast_local_total{event="told"}')).toBe(true);
  for (const way of ["sent", "received"]) {
    const packets = Number(sent.get(`moleculer_transporter_packets_${way}_total`));
    expect(packets).toBeGreaterThan(0);
    expect(Number(sent.get(`moleculer_transporter_packets_${way}_bytes`))).toBeGreaterThan(packets * 10);
  }
  expect(sent.get('moleculer_transit_publish_total{type="REQ"}')).toBe("1");
  expect(taken.get('moleculer_transit_receive_total{type="REQ"}')).toBe("1");
  expect(sent.get('moleculer_request_total{service="there",action="there.works",type="remote"}')).toBe("1");
});
