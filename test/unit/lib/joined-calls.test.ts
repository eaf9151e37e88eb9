import { JoinedCalls } from "../../../lib/batching/joined-calls.ts";

describe("calls of the same turn of the event loop", () => {
  function newCalls(most = 3) {
    const calls: number[][] = [];
    const joined = new JoinedCalls(most, async (items: number[]) => {
      calls.push(items);
      if (items.includes(0)) throw new Error("away");
      return items.map((item) => item * 10);
    });
    const ask = async (item: number, name = "") => {
      const [answer, place] = await joined.ask(name, item);
      return answer[place];
    };
    return { calls, ask };
  }

  test("are joined into one call, each with its own answer", async () => {
    const { calls, ask } = newCalls();
    expect(await Promise.all([1, 2, 3, 4, 5, 6].map((item) => ask(item)))).toEqual([10, 20, 30, 40, 50, 60]);
    expect(calls).toEqual([[1], [2, 3, 4], [5, 6]]);
  });

  test("a single call goes at once; after a joined one the first waits for others", async () => {
    const { calls, ask } = newCalls();
    const alone = ask(1);
    expect(calls).toEqual([[1]]);
    await alone;
    await Promise.all([2, 3, 4].map((item) => ask(item)));
    await Promise.all([5, 6].map((item) => ask(item)));
    expect(calls.slice(1)).toEqual([[2], [3, 4], [5, 6]]);
    await ask(7);
    void ask(8);
    expect(calls.at(-1)).toEqual([8]);
  });

  test("are joined only with calls of the same name", async () => {
    const { calls, ask } = newCalls();
    await Promise.all([ask(1, "a"), ask(2, "a"), ask(3, "b"), ask(4, "a")]);
    expect(calls).toEqual([[1], [2, 4], [3]]);
  });

  test("a failed call rejects all that were joined in it, and no others", async () => {
    const { ask } = newCalls();
    const all = await Promise.allSettled([1, 2, 0, 3, 4].map((item) => ask(item)));
    expect(all.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "rejected", "fulfilled"]);
  });
});
