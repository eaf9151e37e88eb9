/** What a node tells of its process. */
import type { ServiceBroker } from "moleculer";
import { serviceNames } from "../../config/services.ts";
import { version } from "../../lib/version.ts";
import type { ProcessFigures } from "./monitor.contract.ts";

/** The shortest time over which shares are computed, however often /metrics is read. */
const LEAST_MS = 1_000;

/** When this process started. */
export const startedAt = (): string => new Date(performance.timeOrigin).toISOString();

/** The services of SERVICES that this node runs. */
export const rolesOf = ({ services }: ServiceBroker): string[] =>
  serviceNames.filter((name) => services.some((service) => service.name === name));

/** The use of CPU, memory and the event loop. Shares are since the last look, at least a second long. */
export class ProcessUse {
  private at = performance.now();
  private cpuBefore = process.cpuUsage();
  private loopBefore = performance.eventLoopUtilization();
  private shares = { cpu: 0, eventLoop: 0 };

  figures(): ProcessFigures {
    const ms = performance.now() - this.at;
    if (ms >= LEAST_MS) this.look(ms);
    const { rss: rssBytes, heapUsed: heapBytes } = process.memoryUsage();
    return { version, startedAt: startedAt(), ...this.shares, rssBytes, heapBytes };
  }

  private look(ms: number): void {
    const { user, system } = process.cpuUsage(this.cpuBefore);
    const loop = performance.eventLoopUtilization();
    this.shares = {
      cpu: rounded((user + system) / 1000 / ms),
      eventLoop: rounded(performance.eventLoopUtilization(loop, this.loopBefore).utilization),
    };
    this.at = performance.now();
    this.cpuBefore = process.cpuUsage();
    this.loopBefore = loop;
  }
}

const rounded = (share: number) => Number(share.toFixed(4));
