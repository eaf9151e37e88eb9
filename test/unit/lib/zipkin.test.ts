/** The promise: TRACING_URL sends the calls of actions to a collector, but none of their data. */
import { ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../../../config/config.ts";
import { ZipkinExporter } from "../../../lib/zipkin.ts";
import { listen } from "../../helpers/logged.ts";
import { startNode } from "../../helpers/nodes.ts";
import { until } from "../../helpers/patience.ts";
import { type Receiver, startReceiver } from "../../helpers/receiver.ts";
import { startSystem } from "../../helpers/system.ts";

const it = {
  name: "it",
  actions: {
    works: () => "an answer",
    fails: () => Promise.reject(Object.assign(new Error("no"), { data: { of: "a secret" } })),
  },
};

let collector: Receiver;
let broker: ServiceBroker;
beforeEach(async () => {
  collector = await startReceiver(() => 202);
});
afterEach(async () => {
  await broker?.stop();
  await collector.close();
});

test("calls are sent by name, without parameters, answers and the data of errors", async () => {
  broker = await startNode({ services: [it], env: { TRACING_URL: `${new URL(collector.url).origin}/` } });
  await broker.call("it.works", { secret: "a secret" });
  await broker.call("it.fails").catch(() => {});
  await until(() => collector.got.length > 0, "spans");
  const body = collector.got.map((got) => got.body).join();
  expect(body).toContain("action 'it.works'");
  expect(body).toContain("action 'it.fails'");
  expect(body).toContain('"error":"no"');
  expect(body).not.toMatch(/secret|an answer/);
});

test("a request is sent without its query, and what its span has is in no line of the log", async () => {
  const logged = listen();
  const env = { LOG_LEVEL: "trace", LOG_FORMAT: "json", TRACING_URL: new URL(collector.url).origin };
  const system = await startSystem({ env });
  await fetch(`${system.url}/imports?token=hunter4`);
  const sent = () => collector.got.map(({ body }) => body).join();
  await until(() => sent().includes('"name":"GET /imports"'), "its span");
  await system.stop();
  expect(sent()).not.toContain("hunter4");
  expect(logged.text()).toContain('"mod":"access"');
  expect(logged.text()).not.toContain("hunter4");
  jest.restoreAllMocks();
});

test("span ids have Zipkin's form, whatever the request id; spans of one request share a trace", async () => {
  const outer = { name: "outer", actions: { works: (ctx) => ctx.call("it.works") } } satisfies ServiceSchema;
  broker = await startNode({ services: [it, outer], env: { TRACING_URL: new URL(collector.url).origin } });
  await broker.call("outer.works", {}, { requestID: "order no. 42" });
  await until(() => collector.got.length > 0, "spans");
  const spans = collector.got.flatMap(({ body }) => JSON.parse(body) as Record<string, string>[]);
  const ours = ["outer.works", "it.works"].map((name) => spans.find((span) => span.name === `action '${name}'`));
  const [first, second] = ours as [Record<string, string>, Record<string, string>];
  for (const id of [first.traceId, first.id, second.id]) expect(id).toMatch(/^[0-9a-f]{16}$/);
  expect([second.traceId, second.parentId, first.parentId]).toEqual([first.traceId, first.id, null]);
});

/** Starts a node that sends spans to the collector 20 times a second. Answers a spy on its warnings. */
async function startQuick(): Promise<jest.SpyInstance> {
  const exporter = new ZipkinExporter({ baseURL: new URL(collector.url).origin, interval: 0.05 });
  broker = new ServiceBroker({ logger: false, tracing: { enabled: true, exporter: exporter as never } });
  broker.createService(it);
  await broker.start();
  return jest.spyOn(exporter.logger, "warn");
}
const called = async () => void (await broker.call("it.works"));

test("while the collector does not answer, only one request waits for it", async () => {
  await collector.close();
  let [open, most] = [0, 0];
  collector = await startReceiver((_number, res) => {
    most = Math.max(most, ++open);
    res.once("close", () => open--);
    return undefined;
  });
  const warned = await startQuick();
  await until(() => called().then(() => collector.got.length > 3), "further sendings");
  expect(most).toBeLessThan(collector.got.length);
  expect(String(warned.mock.lastCall)).toContain("timeout");
});

test("a refusal of the collector is logged", async () => {
  await collector.close();
  collector = await startReceiver(() => 413);
  const warned = await startQuick();
  // On a busy machine the collector may be too slow at first.
  const isRefused = () => warned.mock.calls.some((words) => String(words).includes("413"));
  await until(() => called().then(isRefused), "a warning");
});

test("without a collector no call has a span", async () => {
  broker = await startNode({ services: [{ name: "it", actions: { span: (ctx) => ctx.span } }] });
  expect(await broker.call("it.span")).toBeNull();
});

test("a collector's URL with a login is refused", () => {
  const load = (url: string) => () => loadConfig({ ADMIN_TOKEN: "x".repeat(24), TRACING_URL: url });
  expect(load("http://user:word@collector:9411")).toThrow("TRACING_URL");
  expect(load("ftp://collector")).toThrow("TRACING_URL");
  expect(load("https://collector:9411/")().tracingUrl).toBe("https://collector:9411");
});
