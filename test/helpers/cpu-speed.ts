/** How fast this machine computes. Measured outside Jest's test environment, where each look at a global costs a call. */

/** What `work` takes on ours, in milliseconds. */
const WORK_MS = 2.5;

/** A piece of work that no compiler leaves out. */
function work(): number {
  let mixed = 1;
  for (let i = 0; i < 1_500_000; i++) mixed = Math.imul(mixed ^ (mixed >>> 15), i | 1);
  return mixed;
}

/** How many times as long as ours this machine takes for it, by the CPU's time: what else runs is counted elsewhere. */
function measured(): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return Math.max(1, (user + system) / 1_000 / WORK_MS);
}

/** The least of some measurements, at least 1: the first ones are not compiled yet. */
export const slowCpu = (): number => Math.min(...Array.from({ length: 4 }, measured));
