/**
 * The promise: with any number of exports, at most two pages are read at once, and one turn of the event loop makes one piece of
 * text.
 */
import { Turns } from "../../../services/api/http/open.ts";

test("two export pages are read at once, in the order in which they were asked for, also if one fails", async () => {
  const turns = new Turns();
  const begun: number[] = [];
  const ends: PromiseWithResolvers<number>[] = [];
  const reads = [0, 1, 2, 3, 4].map((i) =>
    turns.read(() => {
      begun.push(i);
      const end = Promise.withResolvers<number>();
      ends[i] = end;
      return end.promise;
    }),
  );
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  await settled();
  expect(begun).toEqual([0, 1]);
  ends[0]?.reject(new Error("away"));
  await expect(reads[0]).rejects.toThrow("away");
  await settled();
  expect(begun).toEqual([0, 1, 2]);
  for (const i of [1, 2, 3, 4]) {
    await settled();
    ends[i]?.resolve(i);
  }
  expect(await Promise.all(reads.slice(1))).toEqual([1, 2, 3, 4]);
});

test("each piece of an export has its own turn of the event loop", async () => {
  const turns = new Turns();
  let turn = 0;
  const count = () => {
    turn++;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  const had = await Promise.all(Array.from({ length: 20 }, () => turns.own().then(() => turn)));
  clearImmediate(counting);
  expect(new Set(had).size).toBe(20);
});
