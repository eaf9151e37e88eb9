/** The promise: a move of many batches ends in time, says how many are left, and leaves places for the client's own uploads. */
import { inLanes, Places } from "../../../services/api/routes/batch-actions.lanes.ts";

/** Work that ends when the test says so. */
function desk() {
  const open = new Map<number, () => void>();
  let most = 0;
  const work = (item: number) =>
    new Promise<void>((resolve) => {
      open.set(item, resolve);
      most = Math.max(most, open.size);
    });
  const end = async (item: number) => {
    open.get(item)?.();
    open.delete(item);
    await new Promise(setImmediate);
  };
  return { work, end, open: () => [...open.keys()], most: () => most };
}

const items = Array.from({ length: 20 }, (_, i) => i);

test("several at the same time and in order, and none begins when the time is over", async () => {
  const { work, end, open, most } = desk();
  let isOver = false;
  const begun = inLanes(items, { atOnce: 8, isOver: () => isOver }, work);
  expect(open()).toEqual(items.slice(0, 8));
  await end(3);
  expect(open()).toContain(8);
  isOver = true;
  for (const item of open()) await end(item);
  expect([await begun, most()]).toEqual([9, 8]);
});

test("all, where the time is enough; none, where there is none", async () => {
  const seen: number[] = [];
  const work = async (item: number) => void seen.push(item);
  expect(await inLanes(items, { atOnce: 8, isOver: () => false }, work)).toBe(20);
  expect(seen).toEqual(items);
  expect(await inLanes(items, { atOnce: 8, isOver: () => true }, work)).toBe(0);
});

test("a client has its places, also after a failure; others do not wait for them", async () => {
  const { work, end, open } = desk();
  const places = new Places();
  const failed = places.run(1, 2, () => Promise.reject(new Error("gone")));
  await expect(failed).rejects.toThrow("gone");
  const all = [10, 11, 12, 13].map((item) => places.run(1, 2, () => work(item)));
  const other = places.run(2, 1, () => work(20));
  expect(open()).toEqual([10, 11, 20]);
  await end(11);
  expect(open()).toEqual([10, 20, 12]);
  for (const item of [10, 12, 13, 20]) await end(item);
  await Promise.all([...all, other]);
});
