/** The one place that knows how slow this machine is: tests state deadlines for an idle one that is as fast as ours. */
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";

/** How many times as long as ours this machine takes for the same work: global-setup.ts measures it once. */
const slowCpu = Number(process.env.TEST_SLOW_CPU ?? 1);

/** The number of processes that want a core now; 0: the system does not count them. */
function running(): number {
  try {
    return Number(/ (\d+)\/\d+ /.exec(readFileSync("/proc/loadavg", "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** How many times as long things take now as on our idle machine, by the load of the last minute and of now. */
function slowness(): number {
  const wanted = Math.max(loadavg()[0] ?? 0, running());
  return slowCpu * Math.max(1, wanted / availableParallelism());
}

/** A deadline scaled to this moment. Call it late, so that work that was just started counts too. */
export const patience = (ms: number): number => ms * slowness();

/** What synchronous work takes of a core, in milliseconds: a thread that has to wait for its turn meanwhile spends nothing. */
export function coreMs(work: () => unknown): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

/** The longest pause between two looks: a look costs a statement or a request, and files wait for minutes in sum. */
const LONGEST_PAUSE_MS = 50;

/** How long to rest before the next look, after so long a wait: what comes soon is seen at once, at most a tenth later. */
const pauseAfter = (waitedMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(5, waitedMs / 10), LONGEST_PAUSE_MS)));

type Falsy = false | null | undefined | 0 | "";

/**
 * Waits for a fact: the first truthy answer of `look`, which is asked again and again. Throws, naming `what`, when an idle
 * machine would have had `ms` for it: time counts less while the machine is slow.
 */
export async function until<T>(
  look: () => T | Promise<T>,
  what: string | (() => string) = String(look),
  ms = 20_000,
): Promise<Exclude<Awaited<T>, Falsy>> {
  let spent = 0;
  const began = performance.now();
  for (let before = began; ; ) {
    const seen = await look();
    if (seen) return seen as Exclude<Awaited<T>, Falsy>;
    const now = performance.now();
    spent += (now - before) / slowness();
    before = now;
    if (spent > ms) throw new Error(`Waited in vain: ${typeof what === "string" ? what : what()}`);
    await pauseAfter(now - began);
  }
}
