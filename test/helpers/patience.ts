/** The one place that knows how slow this machine is: tests state deadlines for an idle one. */
import { availableParallelism, loadavg } from "node:os";

/** How many want each core. Where the system does not count that, or nothing else runs, it is 1. */
const slowness = () => Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());

/** What a deadline is at the moment. Take it late: what was started last counts too. */
export const patience = (ms: number): number => ms * slowness();
