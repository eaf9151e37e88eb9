import { Tokens } from "../../../services/outbox/outbox.tokens.ts";

/** A sender of tokens. The test confirms or refuses each of them. */
function sender() {
  const left: unknown[] = [];
  const headers: unknown[] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const tokens = new Tokens(({ batchId }, given) => {
    left.push(batchId);
    headers.push(given);
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    return gate.promise;
  });
  return { tokens, left, headers, gate: (n: number) => gates[n] as PromiseWithResolvers<void> };
}

describe("tokens", () => {
  test("one by itself leaves at once", async () => {
    const { tokens, left, gate } = sender();
    const sent = tokens.send({ batchId: "a" });
    expect(left).toEqual(["a"]);
    gate(0).resolve();
    await sent;
  });

  test("each leaves with the headers of the batch that it names", async () => {
    const { tokens, left, headers, gate } = sender();
    const all = ["a", "b", "c"].map((id) => tokens.send({ batchId: id }, { traceparent: id }));
    gate(0).resolve();
    await all[0];
    await new Promise((resolve) => setImmediate(resolve));
    gate(1).resolve();
    await Promise.all(all);
    expect(left).toEqual(["a", "b"]);
    expect(headers).toEqual([{ traceparent: "a" }, { traceparent: "b" }]);
  });

  test("all that are asked for while one is on its way are one, which leaves after it", async () => {
    const { tokens, left, gate } = sender();
    const done: string[] = [];
    const all = ["a", "b", "c"].map((id) => tokens.send({ batchId: id }).then(() => done.push(id)));
    expect(left).toEqual(["a"]);
    gate(0).resolve();
    await all[0];
    await new Promise((resolve) => setImmediate(resolve));
    expect(left).toEqual(["a", "b"]);
    expect(done).toEqual(["a"]);
    const late = tokens.send({ batchId: "d" });
    gate(1).resolve();
    await Promise.all(all);
    // The third token was requested after the second one had been sent, so the second may not cover it.
    await new Promise((resolve) => setImmediate(resolve));
    expect(left).toEqual(["a", "b", "d"]);
    gate(2).resolve();
    await late;
  });

  test("one that is refused fails those that wait for it too, and none that is asked for later", async () => {
    const { tokens, left, gate } = sender();
    const all = ["a", "b", "c"].map((id) => tokens.send({ batchId: id }));
    const failed = Promise.allSettled(all);
    gate(0).reject(new Error("away"));
    expect((await failed).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(left).toEqual(["a"]);
    const next = tokens.send({ batchId: "d" });
    expect(left).toEqual(["a", "d"]);
    gate(1).resolve();
    await next;
  });
});
