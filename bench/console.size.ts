/** How much the database of the benchmark `console` holds. */
export const CLIENTS = 1_000;
export const DAYS = 90;
export const DAY_MS = 86_400_000;
/** One batch of a hundred has errors. Each of these has this many rejected records, in `GROUPS_EACH` groups. */
export const ERRORS_EACH = 100;
export const GROUPS_EACH = 4;

/** One batch of this many has a hundred records; one has deliveries; one has a failed attempt and an operator's move. */
export const ONE_HAS = { records: 1_000, delivery: 10, move: 100 } as const;
/** A batch has such rows if its id leaves this remainder when divided by the number in `ONE_HAS`. */
export const REMAINDER = 2;

/** One SQL statement of a fill. */
export interface Piece {
  text: string;
  values?: unknown[];
}
