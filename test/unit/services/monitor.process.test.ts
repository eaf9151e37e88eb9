/** The promise: the process metrics do not depend on how often /metrics is read. */
import { ServiceBroker } from "moleculer";
import { readings } from "../../../lib/metrics/figures.ts";
import { tellOfProcess } from "../../../services/monitor/monitor.node.ts";
import { until } from "../../helpers/patience.ts";

test("the event loop's share is that of a second at least, though the loop is busy whenever somebody asks", async () => {
  const broker = new ServiceBroker({ logger: false });
  tellOfProcess(broker);
  const share = async () => (await readings(broker, "nodejs_eventloop_utilization"))[0]?.value ?? Number.NaN;
  expect(await share()).toBe(0);
  const first = await until(async () => await share(), "the first second");
  expect(first).toBeLessThan(0.9);
  expect([await share(), await share()]).toEqual([first, first]);
});
