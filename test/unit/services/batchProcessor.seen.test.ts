/** The promise: keys that were added are found again, however many there are, and other keys are not. */
import { SeenKeys } from "../../../services/batchProcessor/batchProcessor.seen.ts";

test("each of many keys is known, and no other", () => {
  const seen = new SeenKeys();
  const keys = Array.from({ length: 50_000 }, (_, i) => `["${i}"]`);
  for (const key of keys) {
    seen.add(key);
    seen.add(key);
  }
  expect(keys.every((key) => seen.has(key))).toBe(true);
  expect(keys.filter((key) => seen.has(`${key} `))).toEqual([]);
});
