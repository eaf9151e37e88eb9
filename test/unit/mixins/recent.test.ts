import { Recent } from "../../../lib/batching/recent.ts";

afterEach(() => jest.restoreAllMocks());

test("who asks at once, or soon after, gets the one answer; later it is asked for again", async () => {
  const clock = jest.spyOn(performance, "now").mockReturnValue(0);
  let asked = 0;
  const recent = new Recent(
    async () => ++asked,
    (answer) => answer * 100,
  );
  expect(await Promise.all([recent.get(), recent.get(), recent.get()])).toEqual([1, 1, 1]);
  clock.mockReturnValue(99);
  expect(await recent.get()).toBe(1);
  clock.mockReturnValue(100);
  expect(await recent.get()).toBe(2);
  clock.mockReturnValue(299);
  expect(await recent.get()).toBe(2);
});

test("a failure is everybody's who waits, and is not kept", async () => {
  const answers = [Promise.reject(new Error("away")), Promise.resolve("here")];
  const recent = new Recent(
    () => answers.shift() as Promise<string>,
    () => 1_000,
  );
  const both = await Promise.allSettled([recent.get(), recent.get()]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await recent.get()).toBe("here");
});
