/** How old a policy's version has to be before it may go: see `forgetVersions`. */

/** Longer than any upload takes, or any cache keeps a version that was replaced. */
export const REPLACED_MS = 7 * 86_400_000;

/** So many of a client's oldest batches are looked at: they are made in the order of their ids, give or take some. */
export const OLDEST_BATCHES = 100;
