/** The lines marked `@ts-expect-error` are checked by `npm run types`: each fails there once it compiles. */
import { ServiceBroker } from "moleculer";
import { actors } from "../../../services/actors.ts";
import { type ActionName, contracts, events } from "../../../services/contracts.ts";
import type { Params } from "../../../services/declare.ts";
import { defineActor } from "../../../services/define.ts";
import { draftEvent } from "../../../services/events.ts";
import { announce, call, type ParamsOf, publishSoon } from "../../../services/messages.ts";
import type { System } from "../../helpers/system.ts";
import { startNode } from "./kit.ts";

describe("on a whole node", () => {
  let system: System;
  const declared = Object.entries(contracts).flatMap(([actor, actions]) =>
    Object.entries(actions).map(([short, { params }]) => ({ name: `${actor}.${short}` as ActionName, params })),
  );
  const names = declared.map(({ name }) => name);
  beforeAll(async () => {
    system = await startNode({});
  });
  afterAll(() => system.stop());

  const services = () => system.broker.services.filter(({ name }) => !name.startsWith("$"));

  test("every declared action has its handler, and no service answers what is not declared", () => {
    const served = services()
      .filter(({ name }) => name !== "api")
      .flatMap(({ actions: own }) => Object.keys(own as object));
    expect(served.length).toBeGreaterThan(0);
    const registered = system.broker.registry.actions.list({ onlyLocal: true, skipInternal: true });
    const found = registered
      .map(({ name }: { name: string }) => name)
      .filter((name: string) => !name.startsWith("api."));
    expect(found.sort()).toEqual([...names].sort());
  });

  const demanding = declared
    .filter(({ params }) => Object.values(params as Params).some(({ optional }) => optional !== true))
    .map(({ name }) => name);

  test("the params of every action make a check", () => {
    const { validator } = system.broker;
    // The check is compiled at the first call, which fails if the params are declared wrongly.
    for (const { name, params } of declared)
      expect([name, validator?.compile(params as Params)({})]).toEqual([name, expect.anything()]);
  });

  test.each(demanding)("%s is refused without its params", async (name) => {
    await expect(system.broker.call(name, {})).rejects.toMatchObject({ type: "VALIDATION_ERROR", code: 422 });
  });

  test("services listen only to declared events", () => {
    const heard = services().flatMap(({ schema }) => Object.keys(schema.events ?? {}));
    const own = heard.filter((name) => !name.startsWith("$"));
    expect(own.length).toBeGreaterThan(0);
    expect(own.filter((name) => !(name in events))).toEqual([]);
  });
});

test("a service takes its params from the contract", () => {
  const consume = () => ({}) as never;
  const [look, ping, status] = [() => ({}) as never, () => null, () => ({}) as never];
  expect(defineActor({ name: "rateLimiter", actions: { consume, look, ping, status } })).toMatchObject({
    name: "rateLimiter",
    actions: { consume: { params: contracts.rateLimiter.consume.params, handler: consume } },
  });
});

test("a client calls its actor's actions by their full names, through whoever is given", async () => {
  const asked: unknown[] = [];
  const via = {
    async call(...all: unknown[]) {
      asked.push(all);
      return 7;
    },
  };
  expect(await actors.batch.ping(via, {}, { timeout: 5 })).toBe(7);
  expect(asked).toEqual([["batch.ping", {}, { timeout: 5 }]]);
});

test("events that nobody takes have a line with their batch", async () => {
  const broker = new ServiceBroker({ logger: false });
  const warned = new Promise<unknown[]>((resolve) => {
    broker.logger.warn = (...told: unknown[]) => void (String(told[0]).startsWith("Publishing") && resolve(told));
  });
  const { topic, body } = draftEvent("dataflow", "batch.created", "a-batch", {});
  publishSoon(broker, { rows: [{ id: 1, topic, body, attempts: 0 }] });
  expect((await warned).at(-1)).toEqual({ values: { batchId: "a-batch" } });
});

test("what does not fit the contracts does not compile", () => {
  expect(fits).toBeInstanceOf(Function);
});

interface Broker {
  call(name: string, params: unknown): Promise<unknown>;
  broadcast(name: string, payload: unknown): Promise<unknown>;
}

/** Never called. It only has to compile. */
async function fits(broker: Broker) {
  const spend = { clientId: "a", limit: 1, windowSeconds: 1 };
  const { allowed }: { allowed: boolean } = await call(broker, "rateLimiter.consume", spend);
  // @ts-expect-error a wrong action name
  await call(broker, "rateLimiter.consumed", spend);
  // @ts-expect-error a missing field
  await call(broker, "rateLimiter.consume", { clientId: "a", limit: 1 });
  // @ts-expect-error a field of another type
  await call(broker, "rateLimiter.consume", { ...spend, limit: "1" });
  // @ts-expect-error an unknown field
  await call(broker, "rateLimiter.consume", { clientId: "a", limit: 1, windowSeconds: 1, burst: 2 });
  // @ts-expect-error no value of the enum
  await call(broker, "policy.change", { clientId: 1, mode: "post", document: {} });
  // @ts-expect-error null where it is not allowed
  await call(broker, "batch.get", { publicId: null });
  // @ts-expect-error an answer of another type
  const text: string = await call(broker, "rateLimiter.consume", spend);
  // @ts-expect-error the answer may be null
  (await call(broker, "clientCache.get", { id: 1 })).publicId;
  // @ts-expect-error bulk data is typed too, though its check at run time is shallow
  await call(broker, "outbox.publish", { rows: ["1"] });
  const optional: ParamsOf<"batch.list"> = { limit: 1 };

  const spent: { allowed: boolean } = await actors.rateLimiter.consume(broker, spend);
  // @ts-expect-error no action of that actor
  await actors.rateLimiter.consumed(broker, spend);
  // @ts-expect-error a missing field
  await actors.rateLimiter.consume(broker, { clientId: "a", limit: 1 });
  // @ts-expect-error the answer may be null
  (await actors.clientCache.get(broker, { id: 1 })).publicId;

  await announce(broker, "policy.changed", { clientId: 1, version: 2 });
  // @ts-expect-error a wrong event name
  await announce(broker, "policy.change", { clientId: 1, version: 2 });
  // @ts-expect-error a missing member
  await announce(broker, "policy.changed", { clientId: 1 });
  // @ts-expect-error a member of another type
  await announce(broker, "policy.changed", { clientId: "1", version: 2 });

  const lock = {
    acquire: () => ({ outcome: "busy" as const }),
    extend: () => true,
    release: () => {},
    acquireAll: () => ({ outcome: "busy" as const }),
    extendAll: () => true,
    releaseAll: () => {},
    status: () => ({}) as never,
  };
  const name = "batchLock";
  defineActor({ name, actions: lock });
  const { release, ...withoutRelease } = lock;
  // @ts-expect-error a missing handler
  defineActor({ name, actions: withoutRelease });
  // @ts-expect-error a handler that no contract names
  defineActor({ name, actions: { ...lock, steal: () => true } });
  // @ts-expect-error a handler with a wrong answer
  defineActor({ name, actions: { ...lock, extend: () => "yes" } });
  // @ts-expect-error a handler that asks for a param that nobody sends
  defineActor({ name, actions: { ...lock, extend: (ctx) => ctx.params.name === "" } });
  // @ts-expect-error no actor of that name
  defineActor({ name: "batchLocks", actions: lock });
  return { allowed, text, optional, spent, release };
}
