/**
 * Measures how fast this machine computes. The measurement runs outside Jest's test environment, where each access to a global
 * costs a call.
 */

/** How many milliseconds `work` takes on the developers' machine. */
const WORK_MS = 2.5;

/** Work that no compiler can leave out. */
function work(): number {
  let mixed = 1;
  for (let i = 0; i < 1_500_000; i++) mixed = Math.imul(mixed ^ (mixed >>> 15), i | 1);
  return mixed;
}

/**
 * How many times as long as the developers' machine this machine needs. It measures CPU time, so other processes do not count.
 */
function measured(): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return Math.max(1, (user + system) / 1_000 / WORK_MS);
}

/** The least of several measurements, but at least 1. V8 has not compiled `work` yet in the first ones. */
export const slowCpu = (): number => Math.min(...Array.from({ length: 4 }, measured));
