import type { ServiceBroker } from "moleculer";
import { readWhenAsked } from "../../lib/metrics/figures.ts";

/** Metrics of the process, by the names that Node.js dashboards know. They are read when somebody asks. */
export function tellOfProcess(broker: ServiceBroker): void {
  const tell = (type: "gauge" | "counter", name: string, help: string, read: () => number) =>
    readWhenAsked(broker, { type, name, help }, () => [{ value: read() }]);
  const startedAt = Math.round(performance.timeOrigin) / 1000;
  tell("gauge", "process_start_time_seconds", "When the process started.", () => startedAt);
  tell("counter", "process_cpu_seconds_total", "CPU time of the process.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  tell("gauge", "process_resident_memory_bytes", "Memory of the process.", () => process.memoryUsage.rss());
  tell("gauge", "nodejs_heap_size_used_bytes", "Heap in use.", () => process.memoryUsage().heapUsed);
  let before = performance.eventLoopUtilization();
  tell("gauge", "nodejs_eventloop_utilization", "Share of time that the event loop was busy since asked last.", () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  });
}
