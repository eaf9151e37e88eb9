/** The one place that knows how slow this machine is: tests state deadlines for an idle one that is as fast as ours. */
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";

/** What `work` takes on ours. */
const WORK_MS = 2.5;

/** A piece of work that no compiler leaves out. */
function work(): number {
  let mixed = 1;
  for (let i = 0; i < 1_500_000; i++) mixed = Math.imul(mixed ^ (mixed >>> 15), i | 1);
  return mixed;
}

/** How many times as long as ours this machine takes for the same, by the CPU's time: what else runs is counted elsewhere. */
function measured(): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return Math.max(1, (user + system) / 1_000 / WORK_MS);
}
// The least of some: the first ones are not compiled yet.
const slowCpu = Math.min(...Array.from({ length: 4 }, measured));

/** Processes that want a core at this instant; 0: the system does not count them. */
function running(): number {
  try {
    return Number(/ (\d+)\/\d+ /.exec(readFileSync("/proc/loadavg", "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** How many times as long as on an idle machine of ours things take now. The load of the last minute counts, and that of now. */
function slowness(): number {
  const wanted = Math.max(loadavg()[0] ?? 0, running());
  return slowCpu * Math.max(1, wanted / availableParallelism());
}

/** What a deadline is at the moment. Take it late: what was started last counts too. */
export const patience = (ms: number): number => ms * slowness();

type Falsy = false | null | undefined | 0 | "";

/**
 * Waits for a fact: the first truthy answer of `look`, which is asked again and again. Throws, naming `what`, when an idle
 * machine would have had `ms` for it: time counts less while the machine is slow.
 */
export async function until<T>(
  look: () => T | Promise<T>,
  what = String(look),
  ms = 20_000,
): Promise<Exclude<Awaited<T>, Falsy>> {
  let spent = 0;
  for (let before = performance.now(); ; ) {
    const seen = await look();
    if (seen) return seen as Exclude<Awaited<T>, Falsy>;
    const now = performance.now();
    spent += (now - before) / slowness();
    before = now;
    if (spent > ms) throw new Error(`Waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
