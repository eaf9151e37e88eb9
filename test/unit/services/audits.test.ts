/**
 * The promise: the audit has the differences of a change by pointer, completely if they are small, and never more than a row may
 * hold.
 */
import { auditing, differences } from "../../../services/audits.ts";

test.each([
  ["nothing", { a: 1, b: [1] }, { b: [1], a: 1 }, {}],
  ["a value", { a: 1 }, { a: 2 }, { "/a": [1, 2] }],
  ["one that is new, and one that is gone", { a: 1 }, { b: 2 }, { "/a": [1, null], "/b": [null, 2] }],
  ["inside of objects, with names that are escaped", { a: { "b/c": 1 } }, { a: { "b/c": 2 } }, { "/a/b~1c": [1, 2] }],
  ["arrays as a whole", { a: [1, 2] }, { a: [1] }, { "/a": [[1, 2], [1]] }],
  ["an object instead of null", { a: null }, { a: { b: 1 } }, { "/a": [null, { b: 1 }] }],
])("%s", (_, before, after, expected) => {
  expect(differences(before, after)).toEqual(expected);
});

test("a long value is cut, and further members are counted", () => {
  expect(differences({}, { a: "x".repeat(2_000) })).toEqual({ "/a": [null, `"${"x".repeat(999)}…`] });
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`field${i}`, "x".repeat(900)]));
  const told = differences({}, many);
  expect(JSON.stringify(told).length).toBeLessThan(18_000);
  expect(Object.keys(told).length - 1 + (told.truncated as number)).toBe(100);
});

test("a call without a caller has no entry", () => {
  const entry = { action: "batch.undo", subject: { type: "batch", id: "1", name: null } } as const;
  expect(auditing({ meta: {}, requestID: "1" })(entry)).toBeNull();
  const caller = { who: "alice", role: "operator", address: null };
  expect(auditing({ meta: { caller }, requestID: "1" })(entry)).toMatchObject({ who: "alice", requestId: "1" });
});
