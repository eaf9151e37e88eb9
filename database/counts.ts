/**
 * How many batches are in each state, without counting rows. Triggers count the states in which a batch stays for long, so
 * no writer can forget to count. The other states have few batches at a time, and are counted with an index.
 */
import { type BatchState, finalStates } from "../services/batch/batch.domain.ts";
import type { QueueStats } from "../services/batch/batch.reads.domain.ts";

/** The value of `batch_count.state` for the count of all batches. */
export const ALL = "all";

/** An operator takes few batches back, one by one, so the triggers need not count them. */
const undone = "undone" satisfies BatchState;

/** The states that the triggers count. The count of `ready` is `all` minus all others. */
export const countedStates: readonly BatchState[] = [...finalStates.filter((state) => state !== undone), "held"];

/** The values of `batch_count.state`. */
export const counters: readonly string[] = [ALL, ...countedStates];

/** The counted states as an SQL list. */
export const countedList = countedStates.map((state) => `'${state}'`).join(", ");
export const countersList = counters.map((name) => `'${name}'`).join(", ");

/** States with few batches: there are few uploads and workers, and few batches are taken back. They are counted with an index. */
export const transientStates: readonly BatchState[] = ["receiving", "received", "processing", "undoing", undone];

/** Rows of the outbox, batches that wait for their client, and due deliveries are counted up to this number. */
export const MOST_COUNTED = { outbox: 100_000, waiting: 10_000, deliveries: 10_000 } as const;

/**
 * Limits of a search for the batch that has waited longest. It reads `batches` due batches, longest wait first, then
 * the oldest batch of each of `clients` clients. It reads `held` held batches, first created first, and overlooks all
 * later ones.
 */
export const LOOKED_AT = { batches: 1_000, clients: 1_000, held: 100 } as const;

/** How many rows of `batch_count` one fold takes at most, and below how many a fold is not worth a write. */
export const FOLD = { most: 20_000, least: 200 } as const;

/** `rows`: numbers for each counter and each transient state, in any order. Several numbers for one state are added up. */
export function statesOf(rows: { state: string; n: number }[]): QueueStats["states"] {
  const sums = new Map<string, number>();
  for (const { state, n } of rows) sums.set(state, (sums.get(state) ?? 0) + n);
  const others = [...sums].reduce((sum, [state, n]) => (state === ALL ? sum : sum + n), 0);
  sums.set("ready", Math.max(0, (sums.get(ALL) ?? 0) - others));
  sums.delete(ALL);
  return Object.fromEntries([...sums].filter(([, n]) => n > 0));
}
