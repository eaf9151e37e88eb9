/**
 * The one place that knows how slow this machine is. Tests state deadlines for an idle machine that is as fast as the
 * developers'.
 */
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";

/** How many times as long as the developers' machine this machine needs for the same work. global-setup.ts measures it once. */
const slowCpu = Number(process.env.TEST_SLOW_CPU ?? 1);

/** The number of processes that want a core now. 0 if the system does not count them. */
function running(): number {
  try {
    return Number(/ (\d+)\/\d+ /.exec(readFileSync("/proc/loadavg", "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/**
 * How many times as long things take now as on the idle developers' machine, by the load of the last minute and the present load.
 */
function slowness(): number {
  const wanted = Math.max(loadavg()[0] ?? 0, running());
  return slowCpu * Math.max(1, wanted / availableParallelism());
}

/** A deadline scaled to the present load. Call it late, so that work that has just started counts too. */
export const patience = (ms: number): number => ms * slowness();

/** The CPU time of synchronous work in milliseconds. Time in which the thread waits for a core does not count. */
export function coreMs(work: () => unknown): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

/** The longest pause between two looks. A look costs a statement or a request, and the waits of all tests add up to minutes. */
const LONGEST_PAUSE_MS = 50;

/** Waits before the next look. The pause is a tenth of the time waited so far, so a fact is seen with little delay. */
const pauseAfter = (waitedMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(5, waitedMs / 10), LONGEST_PAUSE_MS)));

type Falsy = false | null | undefined | 0 | "";

/**
 * Waits for a fact: calls `look` repeatedly and answers its first truthy result. Throws, naming `what`, after the time in which
 * an idle machine would have had `ms`; time counts less while the machine is slow.
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
