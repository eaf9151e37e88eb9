/** The promise: the size of a delete adapts to the speed of the disk, with pauses in between for other work. */
import { setTimeout as pause } from "node:timers/promises";
import type { Removal } from "../../../services/batch/batch.reads.domain.ts";
import { Pace } from "../../../services/retention/retention.pace.ts";

const taking = (ms: number, end: Removal) => async () => {
  await pause(ms);
  return end;
};

test("quick pieces grow and slow ones shrink, within bounds", async () => {
  const pace = new Pace();
  const sizes = new Set<number>();
  for (let n = 0; n < 8; n++) {
    expect(await pace.measured(async () => "more")).toBe("more");
    sizes.add(pace.rows);
  }
  expect([...sizes]).toEqual([4_000, 8_000, 16_000, 20_000]);
  expect(pace.chunks).toBe(20);
  for (let n = 0; n < 7; n++) await pace.measured(taking(120, "more"));
  expect([pace.rows, pace.chunks]).toEqual([500, 1]);
});

test("a last piece, which is seldom full, says nothing of the disk", async () => {
  const pace = new Pace();
  const { rows } = pace;
  for (const end of ["done", "busy"] as const) await pace.measured(async () => end);
  expect(pace.rows).toBe(rows);
});

test("the pause after a piece is as long as the piece", async () => {
  const pace = new Pace();
  let ended = 0;
  await pace.measured(async () => {
    await pause(60);
    ended = performance.now();
    return "more";
  });
  expect(performance.now() - ended).toBeGreaterThanOrEqual(58);
});
