/**
 * The promise: one query serves all waiting requests, at once after an event and regularly without one, and none is forgotten.
 */
import { BatchWatches, PROGRESS_EVERY_MS } from "../../../services/api/http/watches.ts";
import type { BatchRow, BatchState } from "../../../services/batch/batch.domain.ts";
import { useOwnTimers } from "../../helpers/own-timers.ts";

type Seen = { publicId: string; version: number };

const LOOK_MS = 2_000;
const row = (publicId: string, version: number, state: BatchState = "processing") =>
  ({ publicId, version, state }) as BatchRow;
const news = (batchId: string, version: number, hasEnded = false) => ({ batchId, version, hasEnded });

/** The rows in the database, and all queries for them. */
let database: Map<string, BatchRow>;
let queries: Seen[][];
let failures: unknown[];
let isAway: boolean;
let watches: BatchWatches;
let timers: () => number;

beforeEach(() => {
  timers = useOwnTimers();
  database = new Map();
  queries = [];
  failures = [];
  isAway = false;
  watches = new BatchWatches({
    async read(seen) {
      queries.push(seen);
      if (isAway) throw new Error("away");
      return seen.flatMap(({ publicId, version }) => {
        const found = database.get(publicId);
        return found && found.version !== version ? [found] : [];
      });
    },
    onFailure: (error) => void failures.push(error),
  });
});
afterEach(() => {
  expect(watches.size).toBe(0);
  expect(timers()).toBe(0);
  jest.useRealTimers();
});

/** A waiting request, and what it was told, in order. */
function waiter(batch: BatchRow) {
  const heard: number[] = [];
  let isOver = false;
  const leave = watches.join(batch, {
    changed: ({ version }) => void heard.push(version),
    ended: () => {
      isOver = true;
      leave();
    },
  });
  return { heard, leave, isOver: () => isOver };
}

/** Lets time pass. Fake timers run work for the next turn one millisecond later. */
async function turn(ms = 0): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
  await jest.advanceTimersByTimeAsync(1);
}

test("a change between reading a batch and watching it is not missed", async () => {
  database.set("a", row("a", 2));
  const one = waiter(row("a", 1));
  await turn();
  expect(one.heard).toEqual([2]);
  one.leave();
});

test("one query every 2 s covers all watched batches, without events", async () => {
  const all = Array.from({ length: 1_000 }, (_, i) => waiter(row(`b${i % 500}`, 1)));
  await turn();
  expect(queries.map((seen) => seen.length)).toEqual([500]);
  database.set("b7", row("b7", 2));
  await turn(LOOK_MS);
  expect(queries.map((seen) => seen.length)).toEqual([500, 500]);
  expect(all.filter(({ heard }) => heard.length > 0)).toHaveLength(2);
  await turn(5 * LOOK_MS);
  expect(queries).toHaveLength(7);
  for (const { leave } of all) leave();
  await turn(5 * LOOK_MS);
  expect(queries).toHaveLength(7);
});

test("the event of an end is read at once; many waiting requests for a batch cost one row", async () => {
  const herd = Array.from({ length: 1_000 }, () => waiter(row("a", 1)));
  await turn();
  database.set("a", row("a", 2, "completed"));
  for (let i = 0; i < 3; i++) watches.news(news("a", 2, true));
  await turn();
  expect(queries).toEqual([[{ publicId: "a", version: 1 }], [{ publicId: "a", version: 1 }]]);
  expect(herd.every(({ heard }) => heard.join() === "2")).toBe(true);
  for (const { leave } of herd) leave();
});

test("events of progress share a query, at most three times a second", async () => {
  const [a, b] = [waiter(row("a", 1)), waiter(row("b", 1))];
  await turn();
  for (let version = 2; version < 100; version++) {
    for (const id of ["a", "b"]) {
      database.set(id, row(id, version));
      watches.news(news(id, version));
    }
  }
  await turn(PROGRESS_EVERY_MS - 10);
  expect(queries).toHaveLength(1);
  await turn(10);
  expect(queries.map((seen) => seen.length)).toEqual([2, 2]);
  expect([a.heard, b.heard]).toEqual([[99], [99]]);
  for (const one of [a, b]) one.leave();
});

test("progress does not delay an end, also during a query", async () => {
  const one = waiter(row("a", 1));
  await turn();
  watches.news(news("a", 2));
  database.set("a", row("a", 3, "completed"));
  watches.news(news("a", 3, true));
  watches.news(news("other", 9));
  await turn();
  expect(one.heard).toEqual([3]);
  database.set("a", row("a", 4, "ready"));
  watches.news(news("a", 4, true));
  await Promise.resolve();
  database.set("a", row("a", 5, "failed"));
  watches.news(news("a", 5, true));
  await turn();
  expect(one.heard.at(-1)).toBe(5);
  one.leave();
});

test("an old event, or one of a batch that nobody watches, costs nothing", async () => {
  const one = waiter(row("a", 5));
  await turn();
  watches.news(news("a", 5, true));
  watches.news(news("a", 3, true));
  watches.news(news("z", 9, true));
  await turn(PROGRESS_EVERY_MS);
  expect(queries).toHaveLength(1);
  one.leave();
});

test("a later request gets the known state, and its newer state is passed to the others", async () => {
  const first = waiter(row("a", 2));
  await turn();
  const late = waiter(row("a", 1));
  const newer = waiter(row("a", 3));
  await turn();
  for (const { heard } of [first, late]) expect(heard.at(-1)).toBe(3);
  for (const { leave } of [first, late, newer]) leave();
});

test("a failed query is repeated at the next look", async () => {
  const one = waiter(row("a", 1));
  await turn();
  isAway = true;
  database.set("a", row("a", 2, "completed"));
  watches.news(news("a", 2, true));
  await turn();
  expect(failures).toHaveLength(1);
  isAway = false;
  await turn(LOOK_MS);
  expect(one.heard).toEqual([2]);
  one.leave();
});

test("more batches than a query takes are asked for in pieces", async () => {
  const all = Array.from({ length: 10_001 }, (_, i) => waiter(row(`b${i}`, 1)));
  await turn();
  expect(queries.map((seen) => seen.length)).toEqual([10_000, 1]);
  for (const { leave } of all) leave();
});

test("at the end all waiting requests are released, also later ones", async () => {
  const all = [waiter(row("a", 1)), waiter(row("a", 1)), waiter(row("b", 1))];
  await turn();
  watches.end();
  expect(all.map(({ isOver }) => isOver())).toEqual([true, true, true]);
  const late = waiter(row("a", 1));
  expect(late.isOver()).toBe(false);
  await turn();
  expect(late.isOver()).toBe(true);
  expect(queries).toHaveLength(1);
});
