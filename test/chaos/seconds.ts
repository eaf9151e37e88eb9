/** How long a run goes on: that of `npm test` is short. */
const { CHAOS_SECONDS, CHAOS_SEED } = process.env;

export const isLong = Number(CHAOS_SECONDS ?? 0) > 30;

/** In a short run as long as a part says, where CHAOS_SECONDS does not. */
export const secondsOr = (short: number): number => Number(CHAOS_SECONDS ?? short);

/** The order of faults follows from it. */
export const SEED = Number(CHAOS_SEED ?? Date.now() % 1_000_000);
