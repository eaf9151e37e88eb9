import type { SizedCandidate } from "../../../services/batchProcessor/batchProcessor.sizes.ts";
import { MOST_TOGETHER, unitsOf } from "../../../services/batchProcessor/batchProcessor.units.ts";

let ids = 0;
const candidate = (over: Partial<SizedCandidate> = {}): SizedCandidate => ({
  id: ++ids,
  publicId: `batch-${ids}`,
  clientId: 1,
  fence: 0,
  policyVersion: 1,
  phase: "deliver",
  chunks: 1,
  records: 100,
  bytes: 20_000,
  room: 2,
  isSmall: true,
  ...over,
});
const many = (n: number, over: Partial<SizedCandidate> = {}) => Array.from({ length: n }, () => candidate(over));
const idle = { slots: 4, isGrouping: false };
const told = (candidates: SizedCandidate[], situation = idle) => {
  const { found, isAll } = unitsOf(candidates, situation);
  return { units: found.map(({ batches, isGroup }) => [isGroup, batches.length]), isAll };
};

test("small batches of any clients form one unit; each other batch is a unit", () => {
  const large = candidate({ clientId: 3, isSmall: false });
  const candidates = [candidate(), large, candidate({ clientId: 2 }), candidate()];
  const { found, isAll } = unitsOf(candidates, idle);
  expect(found.map(({ batches }) => batches.map(({ id }) => id))).toEqual([
    candidates.filter(({ isSmall }) => isSmall).map(({ id }) => id),
    [large.id],
  ]);
  expect(isAll).toBe(true);
});

test.each<[string, SizedCandidate[], number]>([
  ["so many batches", many(MOST_TOGETHER + 1), MOST_TOGETHER],
  ["so many records", many(10, { records: 900 }), 5],
  ["so many bytes", many(12, { bytes: 100 * 1024 }), 10],
])("a group has at most %s, and the rest is looked for again", (_what, candidates, length) => {
  expect(told(candidates)).toEqual({ units: [[true, length]], isAll: false });
});

test("after a group has just begun, another begins only when it is full; large batches do not wait", () => {
  const large = candidate({ clientId: 2, isSmall: false });
  const busy = { ...idle, isGrouping: true };
  const few = [...many(MOST_TOGETHER - 1), large];
  expect(told(few, busy)).toEqual({ units: [[false, 1]], isAll: true });
  expect([unitsOf(few, busy).isLeft, unitsOf(few, idle).isLeft]).toEqual([true, false]);
  expect(told([...many(MOST_TOGETHER), large], busy).units).toEqual([
    [true, MOST_TOGETHER],
    [false, 1],
  ]);
});

test("a group takes one slot of a client, and large batches one each", () => {
  const large = (room: number) => candidate({ isSmall: false, room });
  expect(told([...many(3, { room: 2 }), large(2), large(2)]).units).toEqual([
    [true, 3],
    [false, 1],
  ]);
  expect(told([large(1), ...many(3, { room: 1 })]).units).toEqual([[false, 1]]);
});

test("there are no more units than free slots", () => {
  const large = Array.from({ length: 4 }, (_, i) => candidate({ clientId: i + 5, isSmall: false }));
  expect(told([...large.slice(0, 1), ...many(2), ...large.slice(1)], { ...idle, slots: 3 })).toEqual({
    units: [
      [false, 1],
      [true, 2],
      [false, 1],
    ],
    isAll: false,
  });
});

test("a large batch whose turn comes first is before small ones", () => {
  const large = candidate({ clientId: 2, isSmall: false });
  expect(told([large, ...many(MOST_TOGETHER)], { ...idle, slots: 1 }).units).toEqual([[false, 1]]);
  expect(told([candidate(), large, ...many(3)], { ...idle, slots: 1 }).units).toEqual([[true, 4]]);
});
