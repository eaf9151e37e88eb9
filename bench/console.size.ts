/** How much the database of the benchmark `console` holds. */
export const CLIENTS = 1_000;
export const DAYS = 90;
export const DAY_MS = 86_400_000;
/** One batch of a hundred has errors: so many of its records, in so many groups. */
export const ERRORS_EACH = 100;
export const GROUPS_EACH = 4;

/** Of so many batches one has records, a hundred each; deliveries; a failed attempt and a move by an operator. */
export const ONE_HAS = { records: 1_000, delivery: 10, move: 100 } as const;
/** Divided by any of these numbers, the id of such a batch leaves this. */
export const REMAINDER = 2;

/** One statement of a fill. */
export interface Piece {
  text: string;
  values?: unknown[];
}
