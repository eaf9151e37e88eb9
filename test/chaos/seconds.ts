/** How long a run goes on: that of `npm test` is short. */
const { CHAOS_SECONDS, CHAOS_SEED } = process.env;

export const isLong = Number(CHAOS_SECONDS ?? 0) > 30;

/** CHAOS_SECONDS if it is set, else `short`: how long a part of the test takes in a usual run. */
export const secondsOr = (short: number): number => Number(CHAOS_SECONDS ?? short);

/** The order of faults follows from it. */
export const SEED = Number(CHAOS_SEED ?? Date.now() % 1_000_000);
