import { Together } from "../../../lib/batching/together.ts";

describe("what is asked in the same turn", () => {
  function newTogether(most = 3) {
    const calls: number[][] = [];
    const together = new Together(most, async (items: number[]) => {
      calls.push(items);
      if (items.includes(0)) throw new Error("away");
      return items.map((item) => item * 10);
    });
    const ask = async (item: number, name = "") => {
      const [answer, place] = await together.ask(name, item);
      return answer[place];
    };
    return { calls, ask };
  }

  test("goes in one call, each with its own answer", async () => {
    const { calls, ask } = newTogether();
    expect(await Promise.all([1, 2, 3, 4, 5, 6].map((item) => ask(item)))).toEqual([10, 20, 30, 40, 50, 60]);
    expect(calls).toEqual([[1], [2, 3, 4], [5, 6]]);
  });

  test("one that comes alone goes at once; after a crowd the first waits for the others", async () => {
    const { calls, ask } = newTogether();
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

  test("only with those of its name", async () => {
    const { calls, ask } = newTogether();
    await Promise.all([ask(1, "a"), ask(2, "a"), ask(3, "b"), ask(4, "a")]);
    expect(calls).toEqual([[1], [2, 4], [3]]);
  });

  test("a call that fails is told to all who went together, and to nobody else", async () => {
    const { ask } = newTogether();
    const all = await Promise.allSettled([1, 2, 0, 3, 4].map((item) => ask(item)));
    expect(all.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "rejected", "fulfilled"]);
  });
});
