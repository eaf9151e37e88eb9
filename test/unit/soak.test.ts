/** How `npm run soak` tells growth from noise, for single figures. soak.runs.test.ts has whole runs. */
import { type Bound, growthOf, slopeOf, windowed, windowsFor } from "../../bench/soak/growth.ts";
import { corrected } from "../../bench/soak/machine.ts";
import { sumOf } from "../../bench/soak/sample.ts";
import type { Point } from "../../bench/soak/series.ts";

const bound: Bound = { unit: "MB", perHour: 60, share: 0.1, least: 1, mayLevel: true };
const pointsOf = (count: number, value: (at: number) => number, every = 10): Point[] =>
  Array.from({ length: count }, (_, i) => ({ at: every * i, value: value(every * i) }));
const grows = (value: (at: number) => number, every = 10, own: Partial<Bound> = {}) =>
  growthOf(pointsOf(12, value, every), { ...bound, ...own })?.grows;

test("the slope is that of most pairs, whatever a few samples say", () => {
  const points = pointsOf(12, (at) => (at === 50 ? 9_000 : 100 + at / 10));
  expect(slopeOf(points)).toBeCloseTo(0.1, 5);
});

test("a window is one value of its points, if it has enough", () => {
  const points = [1, 2, 11, 12, 13, 31].map((at) => ({ at, value: 100 - at }));
  const cut = { from: 0, to: 40, count: 4, least: 2 };
  expect(windowed(points, cut, (values) => Math.min(...values))).toEqual([
    { at: 5, value: 98 },
    { at: 15, value: 87 },
  ]);
});

test("what is rare gets fewer windows", () => {
  expect([windowsFor(3, 4, 12), windowsFor(30, 4, 12), windowsFor(3_000, 4, 12)]).toEqual([0, 7, 12]);
});

test.each<[string, boolean | undefined, boolean]>([
  ["a rise beyond the share is growth in a short run", grows((at) => 100 + at / 5), true],
  ["a rise within the share is none", grows((at) => 100 + at / 12), false],
  ["a slow rise is growth in a run of an hour", grows((at) => 100 + at / 30, 300), true],
  ["a rise below the bound an hour is none in the same run", grows((at) => 1_000 + at / 120, 300), false],
  ["a fall is none", grows((at) => 500 - at), false],
  ["noise is none", grows((at) => 100 + 60 * Math.abs(Math.sin(at))), false],
  ["one spoilt window is none", grows((at) => (at === 80 ? 500 : 100)), false],
  ["a spoilt end is none", grows((at) => (at > 90 ? 500 : 100)), false],
  ["what levels off is none", grows((at) => Math.min(100 + at, 155)), false],
  ["what may not level off grows", grows((at) => Math.min(100 + at, 155), 10, { mayLevel: false }), true],
])("%s", (_, found, is) => {
  expect(found).toBe(is);
});

test("too few windows are not judged", () => {
  expect(
    growthOf(
      pointsOf(5, (at) => at),
      bound,
    ),
  ).toBeNull();
});

test.each([1, 3])("the machine is taken out of a latency that follows it with the power %d", (power) => {
  const controls = [10, 70, 20, 5];
  const pairs = controls.map((control, at) => ({ at, control, value: 3 * control ** power }));
  const values = corrected(pairs, power, 10).map(({ value }) => value);
  for (const value of values) expect(value).toBeCloseTo(3 * 10 ** power, 6);
});

test("samples of a metric are added up by name and label", () => {
  const text = `# TYPE rows_total counter\nrows_total{table="record"} 5\nrows_total{table="batch"} 2\nrows_total_more 9\nheap 1.5e3\n`;
  expect(sumOf(text, "rows_total", 'table="record"')).toBe(5);
  expect(sumOf(text, "rows_total")).toBe(7);
  expect(sumOf(text, "heap")).toBe(1500);
  expect(() => sumOf(text, "handles")).toThrow("No metric handles");
});
