/** Calls are counted by our own, cheap metering, in Moleculer's place and by its names. */
import { ServiceBroker } from "moleculer";
import { counter } from "../../../lib/metrics/figures.ts";
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

test("answers and errors pass through, and are counted with their times", async () => {
  expect(await broker.call("it.works")).toBe(7);
  expect(await broker.call("it.works")).toBe(7);
  await expect(broker.call("it.fails")).rejects.toThrow('"no"');
  const text = prometheusText(broker);
  expect(text).toContain(`moleculer_request_total${labels("works")} 2\n`);
  expect(text).toContain(`moleculer_request_time_count${labels("works")} 2\n`);
  expect(text).toContain(`moleculer_request_error_total${labels("fails")} 1\n`);
  expect(text).toContain(`moleculer_request_total${labels("fails")} 1\n`);
  expect(prometheusText(broker)).toBe(text);
});

test("Moleculer's own metering of calls and listeners does not run as well", async () => {
  await broker.call("it.heard");
  const text = prometheusText(broker);
  expect(text).not.toContain("moleculer_request_active{");
  expect(text).not.toContain("moleculer_event_received_total{");
  expect(text).toContain('moleculer_event_emit_total{event="news"} 1');
});

test("a label takes only the values that were declared", () => {
  const figure = { name: "dataflow_test_total", help: 'With "quotes", a \\ and\na line.' };
  const counted = counter(broker, figure, "outcome", ["a", "b"]);
  counted.add("b", 3);
  expect(() => counted.add("c" as "a")).toThrow('dataflow_test_total has no outcome "c".');
  expect(prometheusText(broker)).toContain(
    [
      '# HELP dataflow_test_total With "quotes", a \\\\ and\\na line.',
      "# TYPE dataflow_test_total counter",
      'dataflow_test_total{outcome="a"} 0',
      'dataflow_test_total{outcome="b"} 3',
    ].join("\n"),
  );
});
