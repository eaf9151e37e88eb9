import { ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig, useConfig } from "../../../config/config.ts";
import { drainMiddleware } from "../../../middlewares/drain.ts";
import { call } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";
import { deferred, leftovers, nothingLeft, standIn } from "../contracts/kit.ts";

const log: string[] = [];
beforeEach(() => log.splice(0));

async function nodeOf(schemas: ServiceSchema[], shutdown = "10s"): Promise<ServiceBroker> {
  const broker = new ServiceBroker({
    logger: false,
    middlewares: [drainMiddleware],
    skipProcessEventRegistration: true,
    created: (made) => useConfig(made, loadConfig({ SHUTDOWN_TIMEOUT: shutdown })),
  });
  for (const schema of schemas) broker.createService(schema);
  await broker.start();
  return broker;
}

/** A service that says when it drains and stops; `drain` runs in between. */
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

test("doors and workers drain first, then what they give back to, and only then anything stops", async () => {
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

test("while one drains, its partners still answer", async () => {
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

test("a drain that fails keeps neither the others nor the stop", async () => {
  const broker = await nodeOf([drained("api", () => Promise.reject(new Error("down"))), drained("batch")]);
  await broker.stop();
  expect(log).toEqual(["api drains", "batch drains", "batch is drained", expect.any(String), expect.any(String)]);
});

test("what hangs is left when SHUTDOWN_TIMEOUT nears, and no timer stays", async () => {
  const isLeft = leftovers();
  const broker = await nodeOf([drained("batchProcessor", () => new Promise(() => {})), drained("outbox")], "100ms");
  await broker.stop();
  expect(log).toContain("batchProcessor stops");
  expect(log).toContain("outbox drains");
  await nothingLeft(isLeft);
});

test("a service that never stops does not keep the node from ending", async () => {
  const isLeft = leftovers();
  const broker = await nodeOf([{ name: "stuck", stopped: () => new Promise<void>(() => {}) }], "100ms");
  const began = performance.now();
  await broker.stop();
  expect(performance.now() - began).toBeLessThan(2_100);
  await nothingLeft(isLeft);
});

test("other nodes that cannot be told do not keep work from being given back", async () => {
  const broker = await nodeOf([drained("batchProcessor")]);
  const { registry, transit } = broker as unknown as Record<string, { discoverer: object }>;
  expect(transit).toBeUndefined();
  Object.assign(broker, { transit: { disconnect: async () => {} } });
  Object.assign(registry?.discoverer as object, { sendLocalNodeInfo: () => new Promise(() => {}) });
  await broker.stop();
  expect(log).toEqual(["batchProcessor drains", "batchProcessor is drained", "batchProcessor stops"]);
});

test("without such services, and after a quick drain, no timer is left", async () => {
  const isLeft = leftovers();
  await (await nodeOf([drained("api")])).stop();
  await (await nodeOf([])).stop();
  await nothingLeft(isLeft);
});
