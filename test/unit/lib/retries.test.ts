import { delayAfter, retryAfterMs, usualDelaysMs } from "../../../lib/net/retries.ts";

test("ten sendings, each wait as Standard Webhooks advises and up to a fifth more", () => {
  const seconds = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
  expect(usualDelaysMs).toEqual(seconds.map((second) => second * 1_000));
  for (const [i, second] of seconds.entries()) {
    const waits = Array.from({ length: 50 }, () => delayAfter(i + 1, null) as number);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(second * 1_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(second * 1_200);
    expect(new Set(waits).size).toBeGreaterThan(1);
  }
  expect(delayAfter(10, null)).toBeNull();
});

test("a receiver may ask for a longer wait, up to a day, and for no shorter one", () => {
  expect(delayAfter(1, 60_000)).toBeGreaterThanOrEqual(60_000);
  expect(delayAfter(1, 60_000)).toBeLessThanOrEqual(61_000);
  expect(delayAfter(3, 1_000)).toBeGreaterThanOrEqual(1_800_000);
  expect(delayAfter(1, 10 ** 12)).toBeLessThanOrEqual(86_401_000);
  expect(delayAfter(10, 1_000)).toBeNull();
});

const now = Date.parse("2026-01-01T00:00:00Z");
test.each([
  ["120", 120_000],
  [" 0 ", 0],
  ["Thu, 01 Jan 2026 00:01:00 GMT", 60_000],
  ["Thursday, 01-Jan-26 00:01:00 GMT", 60_000],
  ["Wed, 31 Dec 2025 23:00:00 GMT", null],
  ["-5", null],
  ["1.5", null],
  ["soon", null],
  ["", null],
  [undefined, null],
])("Retry-After: %s", (header, expected) => {
  expect(retryAfterMs(header, now)).toBe(expected);
});
