/**
 * Finds and counts batches by a filter. A page merges the pages of several walks, each of which looks at a limited number of batches.
 */
import type { BatchStore } from "../../database/store.ts";
import { type BatchRow, type BatchState, visibleStates } from "./batch.domain.ts";
import {
  type BatchesFound,
  type BatchFilter,
  type BatchPage,
  type BatchWalk,
  type BoundedCount,
  type IdsBetween,
  MOST_COUNTED_BATCHES,
  MOST_FINISHED,
  MOST_LOOKED_AT,
  type Walked,
} from "./batch.filter.domain.ts";
import { walksByState, walksOf } from "./batch.walks.ts";

export type FindStore = Pick<
  BatchStore,
  "walkBatches" | "countBatches" | "stateCounts" | "idAt" | "finishedSpan" | "idsFrom" | "batchesOfKey" | "clientsNamed"
>;

/** Of two uploads that begin at nearly the same time, the later one may get the lower id. No statement takes longer than this time. */
const SKEW_MS = 5_000;
const ALL: IdsBetween = { after: 0, before: Number.MAX_SAFE_INTEGER };

/** The part of a list with these batches, the newest first unless the oldest are asked for. Throws unavailable. */
export async function find(store: FindStore, filter: BatchFilter, page: BatchPage): Promise<BatchesFound<BatchRow>> {
  const between = await idsBetween(store, filter);
  if (!between) return { batches: [], next: null };
  const { beyond, isOldestFirst = false, limit } = page;
  const bounds = isOldestFirst
    ? { ...between, after: Math.max(between.after, beyond ?? 0) }
    : { ...between, before: Math.min(between.before, beyond ?? between.before) };
  const walked: Walked<BatchRow>[] = [];
  const walks = await walksOf(store, filter);
  const look = Math.ceil(MOST_LOOKED_AT / Math.max(1, walks.length));
  // Runs the walks one after the other, so that a list does not take several connections from the workers.
  for (const walk of walks)
    walked.push(await store.walkBatches(walk, bounds, { limit: limit + 1, look, isOldestFirst }));
  return merged(walked, limit, isOldestFirst);
}

/**
 * Merges the results of the walks, up to the first id at which one of them has stopped. After that id, that walk may still find more.
 */
function merged(walked: Walked<BatchRow>[], limit: number, isOldestFirst: boolean): BatchesFound<BatchRow> {
  const sign = isOldestFirst ? 1 : -1;
  const ends = walked.flatMap(({ end }) => (end === null ? [] : [end * sign]));
  const stop = ends.length === 0 ? null : Math.min(...ends) * sign;
  const rows = new Map(walked.flatMap(({ batches }) => batches.map((batch) => [batch.id, batch] as const)));
  const known = [...rows.values()]
    .filter(({ id }) => stop === null || id * sign <= stop * sign)
    .sort((a, b) => (a.id - b.id) * sign);
  const batches = known.slice(0, limit);
  return { batches, next: known.length > limit ? (batches.at(-1)?.id ?? null) : stop };
}

/** How many batches of each state the filter finds. Each number is bounded. Throws unavailable. */
export async function countsOf(
  store: FindStore,
  filter: BatchFilter,
): Promise<Partial<Record<BatchState, BoundedCount>>> {
  if (isUnfiltered(filter)) return ofStates(await store.stateCounts(), filter.states ?? visibleStates);
  const between = await idsBetween(store, filter);
  const counts: Partial<Record<BatchState, BoundedCount>> = {};
  for (const [state, walks] of await walksByState(store, filter))
    counts[state] = between ? await counted(store, walks, between) : { value: 0, isMore: false };
  return counts;
}

const isUnfiltered = ({ states: _, ...others }: BatchFilter): boolean => Object.keys(others).length === 0;

/** Counts that database triggers keep, cut to the same limit as all other counts. */
const ofStates = (all: Partial<Record<BatchState, number>>, states: readonly BatchState[]) =>
  Object.fromEntries(
    states.map((state) => {
      const n = all[state] ?? 0;
      return [state, { value: Math.min(n, MOST_COUNTED_BATCHES), isMore: n > MOST_COUNTED_BATCHES }];
    }),
  );

async function counted(store: FindStore, walks: BatchWalk[], between: IdsBetween): Promise<BoundedCount> {
  let [value, isMore] = [0, false];
  for (const walk of walks) {
    const count = await store.countBatches(walk, between);
    value += count.value;
    isMore ||= count.isMore;
  }
  return { value: Math.min(value, MOST_COUNTED_BATCHES), isMore: isMore || value > MOST_COUNTED_BATCHES };
}

/** The range of ids of the batches that match the filter's times. Null: there are no such batches. */
async function idsBetween(store: FindStore, filter: BatchFilter): Promise<IdsBetween | null> {
  const { createdFrom, createdTo, finishedFrom, finishedTo } = filter;
  let { after, before } = ALL;
  // A batch cannot end before it is created.
  const to = Math.min(createdTo ?? Infinity, finishedTo ?? Infinity);
  if (createdFrom !== undefined) after = (await store.idAt(createdFrom - SKEW_MS)).low;
  if (to !== Infinity) before = (await store.idAt(to + SKEW_MS)).high + 1;
  if (finishedFrom !== undefined || finishedTo !== undefined) {
    const span = await store.finishedSpan(finishedFrom ?? 0, finishedTo ?? Number.MAX_SAFE_INTEGER);
    if (span.least === null || span.greatest === null) return null;
    if (span.batches < MOST_FINISHED) {
      after = Math.max(after, span.least - 1);
      before = Math.min(before, span.greatest + 1);
    }
  }
  return after + 1 < before ? { after, before } : null;
}
