/** How long a chaos test runs. In `npm test` it is short. */
const { CHAOS_SECONDS, CHAOS_SEED } = process.env;

export const isLong = Number(CHAOS_SECONDS ?? 0) > 30;

/** The length of a part of a test in seconds: CHAOS_SECONDS if it is set, else `short`. */
export const secondsOr = (short: number): number => Number(CHAOS_SECONDS ?? short);

/** The seed of the order of faults. */
export const SEED = Number(CHAOS_SEED ?? Date.now() % 1_000_000);
