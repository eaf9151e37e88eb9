/** How `npm run soak` tells growth from noise. */
import { type Bound, growthOf, judged, type Point } from "../../bench/soak/growth.ts";
import { sumOf } from "../../bench/soak/sample.ts";

const bound: Bound = { unit: "MB", perHour: 60, share: 0.1, least: 1 };
const pointsOf = (count: number, value: (at: number) => number): Point[] =>
  Array.from({ length: count }, (_, i) => ({ at: 10 * i, value: value(10 * i) }));

test("the line of least squares tells the rise in an hour and within the points", () => {
  expect(growthOf(pointsOf(3, (at) => at))).toBeNull();
  expect(growthOf(pointsOf(11, (at) => 100 + at / 10))).toEqual({ mean: 105, perHour: 360, rise: 10 });
});

test.each<[string, number, (at: number) => number, boolean]>([
  ["a warm-up in the first half is no growth", 20, (at) => Math.min(at, 90), true],
  ["noise is no growth", 20, (at) => 200 + (at % 20), true],
  ["a fall is no growth", 20, (at) => 500 - at, true],
  ["a rise up to the level of the first half is no growth", 20, (at) => (at < 100 ? 500 : 200 + at), true],
  ["a rise within the share of the mean is no growth", 20, (at) => 200 + at / 10, true],
  ["a rise beyond the share is growth in a short run", 20, (at) => 100 + at, false],
  ["a slow rise is growth in a run of an hour", 360, (at) => 100 + at / 30, false],
  ["a rise below the bound an hour is none in the same run", 360, (at) => 100 + at / 120, true],
])("%s", (_, count, value, isMet) => {
  expect(judged("memory", pointsOf(count, value), bound).goal).toMatchObject({ isMet });
});

test("a figure that was sampled too rarely has no goal, and says so", () => {
  expect(
    judged(
      "csv: p50",
      pointsOf(6, (at) => at),
      bound,
    ),
  ).toEqual({
    label: "csv: p50",
    figure: "6 samples are too few to judge",
  });
});

test("samples of a metric are added up by name and label", () => {
  const text = `# TYPE rows_total counter\nrows_total{table="record"} 5\nrows_total{table="batch"} 2\nrows_total_more 9\nheap 1.5e3\n`;
  expect(sumOf(text, "rows_total", 'table="record"')).toBe(5);
  expect(sumOf(text, "rows_total")).toBe(7);
  expect(sumOf(text, "heap")).toBe(1500);
  expect(() => sumOf(text, "handles")).toThrow("No metric handles");
});
