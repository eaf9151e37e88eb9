/** The promise: whatever a handler answers is one of a closed set of outcomes. */
import { type Delivered, deliver } from "../../../services/batchProcessor/batchProcessor.handlers.ts";
import { RemoteNodes } from "../../../services/batchProcessor/batchProcessor.nodes.ts";
import { startBroker } from "../contracts/kit.ts";
import { answers, calls, orders, startHandler } from "./batchProcessor.kit.ts";

startHandler();

describe("an answer of a handler", () => {
  const chunk = {
    batchId: "b",
    clientId: "c",
    dataset: "default",
    chunk: 0,
    fence: 1,
    records: [{ record: 7, data: {} }],
  };
  const refusal = { record: 7, errors: [{ code: "sold-out" }] };
  const absent = (reason: RegExp) =>
    expect.objectContaining({ outcome: "snooze", delayMs: 5_000, detail: expect.stringMatching(reason) });

  let alone: Awaited<ReturnType<typeof startBroker>>;
  beforeAll(async () => {
    alone = await startBroker(orders);
  });
  afterAll(() => alone.stop());

  function classed(action: string, given: () => unknown, timeoutMs = 5_000): Promise<Delivered> {
    answers(given);
    const way = {
      broker: alone.broker,
      nodes: new RemoteNodes(alone.broker),
      lost: new AbortController().signal,
      sensitive: [],
      figures: { handled: () => {} },
    };
    return deliver(way, action, timeoutMs, chunk);
  }

  test.each<[unknown, Delivered]>([
    [undefined, { outcome: "done", rejected: [] }],
    [null, { outcome: "done", rejected: [] }],
    [{}, { outcome: "done", rejected: [] }],
    [
      { outcome: "done", rejected: [refusal] },
      { outcome: "done", rejected: [{ record: 7, errors: [{ field: "", code: "sold-out", message: "sold-out" }] }] },
    ],
    // A record that is named twice counts once. A record that the handler was not given does not count.
    [
      { rejected: [refusal, refusal] },
      { outcome: "done", rejected: [{ record: 7, errors: [{ field: "", code: "sold-out", message: "sold-out" }] }] },
    ],
    [{ rejected: [{ ...refusal, record: 8 }] }, { outcome: "done", rejected: [] }],
    [
      { outcome: "snooze", delayMs: 1e12 },
      { outcome: "snooze", detail: "", delayMs: 86_400_000 },
    ],
    [
      { outcome: "snooze", delayMs: -1 },
      { outcome: "snooze", detail: "", delayMs: 5_000 },
    ],
    [
      { outcome: "retry", delayMs: 7 },
      { outcome: "retry", delayMs: 7, code: "handler-failed", detail: "the handler asked for it" },
    ],
    [{ outcome: "cancel" }, { outcome: "cancel" }],
    [{ outcome: "fail" }, { outcome: "fail", code: "handler-failed", detail: "The handler gave up." }],
  ])("%j", async (given, delivered) => {
    expect(await classed("orders.run", () => given)).toEqual(delivered);
  });

  test("the texts that a handler gives for a record are cut", async () => {
    const long = "x".repeat(5_000);
    const errors = Array(150).fill({ field: long, code: long, message: long });
    const delivered = await classed("orders.run", () => ({ rejected: [{ record: 7, errors }] }));
    const [refused] = delivered.outcome === "done" ? delivered.rejected : [];
    expect(refused?.errors).toHaveLength(100);
    expect(Object.values(refused?.errors[0] ?? {}).map((text) => text.length)).toEqual([1_000, 255, 1_000]);
  });

  test.each([
    [{ outcome: "maybe" }],
    ["fail"],
    [true],
    [{ rejected: 7 }],
    [{ rejected: [{ record: 7 }] }],
    [{ rejected: [{ record: 7, errors: [{ message: "no code" }] }] }],
  ])("%j is outside of the contract, and fails the attempt", async (given) => {
    expect(await classed("orders.run", () => given)).toMatchObject({ outcome: "fail" });
  });

  test("a handler that is missing, or is not declared as one, is waited for", async () => {
    expect(await classed("orders.gone", () => null)).toEqual(absent(/"orders.gone" is not there/));
    expect(await classed("orders.list", () => null)).toEqual(absent(/does not declare itself/));
    expect(calls).toEqual([]);
  });

  test("a handler that does not answer in time costs an attempt", async () => {
    expect(await classed("orders.run", () => new Promise(() => {}), 20)).toMatchObject({ outcome: "retry" });
  });
});
