/**
 * How many batches there are in each state, without counting them. States that a batch stays in for long are counted as rows
 * change, by triggers, so that no writer can forget it. The others hold a few batches at a time and are counted by index.
 */
import { type BatchState, finalStates, type QueueStats } from "./store.ts";

/** `batch_count.state` of the count of all batches, whatever their state. */
export const ALL = "all";

/** What the triggers count. What is ready is the rest of `all`. */
export const countedStates = [...finalStates, "held"] as const satisfies readonly BatchState[];

/** The names in `batch_count.state`. */
export const counters: readonly string[] = [ALL, ...countedStates];

/** As a list of SQL. */
export const countedList = countedStates.map((state) => `'${state}'`).join(", ");
export const countersList = counters.map((name) => `'${name}'`).join(", ");

/** Counted by index: bounded by uploads and workers. */
export const passingStates = ["receiving", "received", "processing"] as const satisfies readonly BatchState[];

/** Rows of the outbox and batches that wait for their client are counted up to here. */
export const MOST_COUNTED = { outbox: 100_000, waiting: 10_000 } as const;

/** So many due batches are looked at in the order of their waiting; then so many clients, each at its oldest. */
export const LOOKED_AT = { batches: 1_000, clients: 1_000 } as const;

/** Rows that a fold of `batch_count` takes at once, and how many have to be there for it to be worth a write. */
export const FOLD = { most: 20_000, least: 200 } as const;

/** `rows`: a number for each counter and for each passing state, in any order; several for one add up. */
export function statesOf(rows: { state: string; n: number }[]): QueueStats["states"] {
  const sums = new Map<string, number>();
  for (const { state, n } of rows) sums.set(state, (sums.get(state) ?? 0) + n);
  const others = [...sums].reduce((sum, [state, n]) => (state === ALL ? sum : sum + n), 0);
  sums.set("ready", Math.max(0, (sums.get(ALL) ?? 0) - others));
  sums.delete(ALL);
  return Object.fromEntries([...sums].filter(([, n]) => n > 0));
}
