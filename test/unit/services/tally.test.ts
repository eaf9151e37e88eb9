/** The promise: a node's counters by second and minute use limited memory, and no minute that could be stored is lost. */
import { ALL_CLIENTS, MINUTE_MS } from "../../../services/stats/stats.domain.ts";
import { Tally } from "../../../services/tally.ts";

const start = 1_000_000 * MINUTE_MS;
let now = start;
let tally: Tally;
beforeEach(() => {
  now = start;
  tally = new Tally(() => now);
});

test("rates are of the last ten whole seconds", () => {
  tally.add("accepted", 40, 1);
  expect(tally.rates().acceptedPerSecond).toBe(0);
  now += 1_000;
  tally.add("accepted", 500);
  expect(tally.rates().acceptedPerSecond).toBe(4);
  now += 9_000;
  expect(tally.rates().acceptedPerSecond).toBe(54);
  now += 1_000;
  expect(tally.rates().acceptedPerSecond).toBe(50);
  now += 60_000;
  expect(tally.rates().acceptedPerSecond).toBe(0);
});

test("the last ten minutes are there in steps, older seconds go", () => {
  tally.add("bytes", 3);
  now += 9_999;
  tally.add("bytes", 4);
  tally.waited(70);
  tally.waited(50);
  now += 1;
  tally.add("bytes", 5);
  const shown = () => tally.recent(10_000).map(({ at, bytes, queueAgeMs }) => [at - start, bytes, queueAgeMs]);
  expect(shown()).toEqual([
    [0, 7, 70],
    [10_000, 5, 0],
  ]);
  now = start + 605_000;
  tally.add("bytes", 1);
  expect(shown()).toEqual([
    [0, 4, 70],
    [10_000, 5, 0],
    [600_000, 1, 0],
  ]);
});

test("a minute keeps the 200 clients with most, and the sum of all", () => {
  for (let client = 1; client <= 300; client++) tally.add("accepted", client, client);
  now += MINUTE_MS;
  tally.add("accepted");
  const [minute] = tally.unwritten();
  expect(minute && tally.isOver(minute)).toBe(true);
  expect(minute?.byClient.get(ALL_CLIENTS)?.accepted).toBe((300 * 301) / 2);
  expect(minute?.byClient.size).toBe(201);
  expect(minute?.byClient.has(100)).toBe(false);
  expect(minute?.byClient.has(101)).toBe(true);
});

test("a minute that was written while it ran is written again when it is over, because its clients are not written before", () => {
  tally.add("accepted", 5, 7);
  const [running] = tally.unwritten();
  if (running) running.isDirty = false;
  expect(tally.unwritten()).toEqual([]);
  now += MINUTE_MS;
  expect(tally.unwritten()).toEqual([running]);
});

test("an hour of minutes waits for the database; older ones are lost, and counted as such", () => {
  for (let i = 0; i < 63; i++, now += MINUTE_MS) tally.add("accepted");
  expect([tally.unwritten().length, tally.lost]).toEqual([60, 3]);
  expect(tally.unwritten()[0]?.at).toBe(start + 3 * MINUTE_MS);
});
