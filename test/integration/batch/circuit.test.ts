/** The promise: a batch waits for a handler whose circuit is open as for a missing one, and no attempt is counted. */
import { Errors, type ServiceSchema } from "moleculer";
import { accepted, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, handler, row, rows } from "./kit.ts";

let system: System;
afterEach(() => system.stop());

/** Longer than a busy machine needs until the next attempt, which has to find the circuit open. */
const OPEN_MS = 1_500;
const circuitBreaker = { enabled: true, threshold: 0.5, minRequestCount: 2, windowTime: 60, halfOpenTime: OPEN_MS };

/** A system with the handler "shop.book" behind a circuit breaker; `answer` gets the number of the call, from 0. */
async function withCircuit(answer: (no: number) => unknown) {
  let no = 0;
  const told = handler("shop", () => answer(no++));
  const { run } = told.schema.actions as unknown as Record<string, object>;
  const schema = { name: "shop", actions: { book: { ...run, circuitBreaker } } } as unknown as ServiceSchema;
  system = await startSystem({ env: quick, extra: [schema] });
  const backoff = { type: "fixed", delayMs: 20, maxMs: 20 };
  const client = await newClient(system.url, { handler: "shop.book", maxAttempts: 3, backoff });
  return { client, told };
}

const closed = () => Promise.reject(new Errors.MoleculerError("the shop is closed", 500));

/** Whether the circuit of the only node that has the handler is open. */
const isOpen = () => system.broker.findNextActionEndpoint("shop.book") instanceof Errors.ServiceNotAvailableError;

test("while the circuit is open the batch waits; its earlier attempts still count afterwards", async () => {
  const { client, told } = await withCircuit((no) => (no < 2 ? closed() : null));
  const { id } = await accepted(system.url, client, rows(3));
  await until(isOpen);
  await until(async () => {
    const { state, dueAt } = await row(system, id);
    return state === "ready" && (dueAt as number) > Date.now() + 1_000;
  });
  expect(await row(system, id)).toMatchObject({ attempt: 2, attemptsTotal: 2 });
  expect(told.of(id)).toHaveLength(2);
  expect(await ended(system, client, id)).toMatchObject({
    status: "completed",
    counts: { accepted: 3 },
    attempts: 3,
  });
  expect(told.of(id)).toHaveLength(3);
});

test("with a half-open circuit, a failing handler uses up the last attempt, and not sooner", async () => {
  const { client, told } = await withCircuit(closed);
  const { id } = await accepted(system.url, client, rows(3));
  expect(await ended(system, client, id)).toMatchObject({
    status: "failed",
    error: { code: "handler-failed", detail: "The handler failed." },
    attempts: 3,
  });
  expect(told.of(id)).toHaveLength(3);
});
