import { ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig, useConfig } from "../../../config/config.ts";
import { Discoverer, drainMiddleware } from "../../../middlewares/drain.ts";
import { call } from "../../../services/messages.ts";
import { patience, until } from "../../helpers/patience.ts";
import { deferred, leftovers, nothingLeft, standIn } from "../contracts/kit.ts";

const log: string[] = [];
beforeEach(() => log.splice(0));

async function nodeOf(schemas: ServiceSchema[], shutdown = "10s"): Promise<ServiceBroker> {
  const broker = new ServiceBroker({
    logger: false,
    middlewares: [drainMiddleware],
    registry: { discoverer: new Discoverer() },
    skipProcessEventRegistration: true,
    created: (made) => useConfig(made, loadConfig({ SHUTDOWN_TIMEOUT: shutdown })),
  });
  for (const schema of schemas) broker.createService(schema);
  await broker.start();
  return broker;
}

/** A service that notes when it drains and when it stops. `drain` runs in between. */
const drained = (name: string, drain: (broker: ServiceBroker) => Promise<unknown> = async () => {}) => ({
  name,
  methods: {
    async drain(this: { broker: ServiceBroker }) {
      log.push(`${name} drains`);
      await drain(this.broker);
      log.push(`${name} is drained`);
    },
  },
  async stopped() {
    log.push(`${name} stops`);
  },
});

test("the api and workers drain first, then the services that they hand work back to, and then services stop", async () => {
  const gate = deferred();
  const broker = await nodeOf([
    drained("outbox"),
    drained("batch"),
    drained("imports"),
    drained("retention"),
    drained("batchProcessor", () => gate.promise),
    drained("api"),
  ]);
  const stopping = broker.stop();
  await until(() => log.length >= 3);
  await new Promise(setImmediate);
  expect([...log].sort()).toEqual(["api drains", "api is drained", "batchProcessor drains"]);
  gate.resolve();
  await stopping;
  const second = ["imports", "batch", "retention"];
  expect(log.slice(3)).toEqual([
    "batchProcessor is drained",
    ...second.map((name) => `${name} drains`),
    ...second.map((name) => `${name} is drained`),
    "outbox drains",
    "outbox is drained",
    ...Array.from({ length: 6 }, () => expect.stringMatching(/ stops$/)),
  ]);
});

test("while a service drains, its partners still answer", async () => {
  let answer: unknown;
  const broker = await nodeOf([
    standIn("batch", { ping: () => 1 }),
    drained("batchProcessor", async (own) => {
      answer = await call(own, "batch.ping", {});
    }),
  ]);
  await broker.stop();
  expect(answer).toBe(1);
});

test("a failed drain delays neither other drains nor the stop", async () => {
  const broker = await nodeOf([drained("api", () => Promise.reject(new Error("down"))), drained("batch")]);
  await broker.stop();
  expect(log).toEqual(["api drains", "batch drains", "batch is drained", expect.any(String), expect.any(String)]);
});

test("a hanging drain is left when SHUTDOWN_TIMEOUT nears, and no timer remains", async () => {
  const isLeft = leftovers();
  const broker = await nodeOf([drained("batchProcessor", () => new Promise(() => {})), drained("outbox")], "100ms");
  await broker.stop();
  expect(log).toContain("batchProcessor stops");
  expect(log).toContain("outbox drains");
  await nothingLeft(isLeft);
});

test("a service that never stops does not prevent the node from ending", async () => {
  const isLeft = leftovers();
  const broker = await nodeOf([{ name: "stuck", stopped: () => new Promise<void>(() => {}) }], "100ms");
  const began = performance.now();
  await broker.stop();
  expect(performance.now() - began).toBeLessThan(patience(2_100));
  await nothingLeft(isLeft);
});

test("other nodes that cannot be told of the stop do not delay handing work back", async () => {
  const broker = await nodeOf([drained("batchProcessor")]);
  const { registry, transit } = broker as unknown as Record<string, { discoverer: object }>;
  expect(transit).toBeUndefined();
  const silent = { disconnect: async () => {}, sendNodeInfo: () => new Promise(() => {}) };
  Object.assign(broker, { transit: silent });
  Object.assign(registry?.discoverer as object, { transit: silent });
  await broker.stop();
  expect(log).toEqual(["batchProcessor drains", "batchProcessor is drained", "batchProcessor stops"]);
});

test("a link that refuses to tell other nodes does not delay it either", async () => {
  const broker = await nodeOf([drained("batchProcessor")]);
  const refuses = { disconnect: async () => {}, sendNodeInfo: () => Promise.reject(new Error("closed")) };
  Object.assign(broker, { transit: refuses });
  Object.assign(broker.registry.discoverer, { transit: refuses });
  await broker.stop();
  expect(log).toEqual(["batchProcessor drains", "batchProcessor is drained", "batchProcessor stops"]);
});

test("without draining services, and after a quick drain, no timer remains", async () => {
  const isLeft = leftovers();
  await (await nodeOf([drained("api")])).stop();
  await (await nodeOf([])).stop();
  await nothingLeft(isLeft);
});
