/** One trace, from the caller's traceparent over an api node, RabbitMQ and a worker to the webhook; and what is not exported. */
import { writeFileSync } from "node:fs";
import { connect } from "amqplib";
import type { CloudEvent } from "../../services/outbox/outbox.domain.ts";
import { describeWithRabbit, newNamespace, rabbitUrl, removeNamespace } from "../helpers/amqp.ts";
import { describePostgres, freshSchema, type Schema } from "../helpers/database.ts";
import { accepted, admin, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import {
  killLeftOvers,
  launch,
  type RunningProcess,
  startProcess,
  startWorker,
  temporaryFolder,
} from "../helpers/process.ts";
import { type Received, type Receiver, startReceiver } from "../helpers/receiver.ts";
import { describeRedis, freshPrefix, looker, redisUrl } from "../helpers/redis.ts";
import { type CollectedSpan, type Collector, startCollector } from "../helpers/spans.ts";

const everyServer = (name: string, suite: () => void) =>
  describePostgres(name, () => describeRedis("with Redis", () => describeWithRabbit("and RabbitMQ", suite)));

const SERVER = 2;
const CLIENT = 3;
const CALLER = "b7ad6b7169203331";
let traces = 0;
/** A caller's headers, and the trace that they name. */
function caller(flags = "01") {
  const traceId = `0af7651916cd43dd8448eb21${String(++traces).padStart(8, "0")}`;
  return { traceId, traceparent: `00-${traceId}-${CALLER}-${flags}` };
}
const traceIdOf = (traceparent = "") => traceparent.split("-")[1];
const spanIdOf = (traceparent = "") => traceparent.split("-")[2];

/** A handler that fails the first time for each batch. */
const HANDLER = `const seen = new Set();
export default { name: "second", actions: { time: { importHandler: true, handler({ params }) {
  if (!seen.has(params.batchId)) { seen.add(params.batchId); throw new Error("not yet"); }
} } } };`;

everyServer("a system that is traced", () => {
  const namespace = newNamespace();
  const prefix = freshPrefix();
  const folder = temporaryFolder();
  const heard: { headers: Record<string, string>; event: CloudEvent }[] = [];
  let schema: Schema;
  let collector: Collector;
  let hooks: Receiver;
  let nodes: RunningProcess[] = [];
  let outsider: Awaited<ReturnType<typeof connect>>;
  let url: string;
  let client: TestClient;

  beforeAll(async () => {
    schema = await freshSchema();
    collector = await startCollector();
    // The first attempt of each event fails.
    const seen: string[] = [];
    hooks = await startReceiver((_number, _res, { event }) =>
      seen.push(event.id) === seen.indexOf(event.id) + 1 ? 503 : 200,
    );
    writeFileSync(`${folder.folder}/second.service.js`, HANDLER);
    writeFileSync(`${folder.folder}/package.json`, '{"type":"module"}');
    const env = {
      DATABASE_URL: schema.url,
      REDIS_URL: redisUrl,
      AMQP_URL: rabbitUrl,
      NAMESPACE: namespace,
      REDIS_KEY_PREFIX: prefix,
      METRICS_PORT: "0",
      HANDLERS_DIR: folder.folder,
      WEBHOOK_ALLOWED_HOSTS: "127.0.0.1",
      SWEEP_INTERVAL: "200ms",
      POLL_INTERVAL: "500ms",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
      OTEL_BSP_SCHEDULE_DELAY: "100",
    };
    const migrated = launch(env, "migrate");
    expect({ ...(await migrated.exited), said: migrated.logs() }).toMatchObject({ code: 0 });
    const api = await startProcess(env, "start:api");
    nodes = [api, await startWorker(env)];
    url = api.url;
    outsider = await connect(rabbitUrl);
    const channel = await outsider.createChannel();
    const { queue } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(queue, `${namespace}.events`, "#");
    const hear = ({ properties, content }: { properties: { headers?: object }; content: Buffer }) =>
      heard.push({ headers: { ...properties.headers }, event: JSON.parse(content.toString()) });
    await channel.consume(queue, (message) => void (message && hear(message)), { noAck: true });
    const webhook = { url: hooks.url, events: ["batch.completed"] };
    const backoff = { type: "fixed", delayMs: 1, maxMs: 1_000 };
    client = await newClient(url, { webhook, backoff });
  });

  afterAll(async () => {
    const stopped = await Promise.all(nodes.map((node) => node.stop()));
    killLeftOvers();
    await outsider?.close();
    await hooks?.close();
    await collector?.close();
    await schema?.drop();
    await looker(prefix).end();
    await removeNamespace(namespace);
    folder.remove();
    expect(stopped).toMatchObject([{ code: 0 }, { code: 0 }]);
  });

  const spansOf = (traceId: string | undefined) => collector.spans().filter((span) => span.traceId === traceId);
  const named = (name: string, traceId: string | undefined) => spansOf(traceId).filter((span) => span.name === name);
  const spanOf = (name: string, traceId: string | undefined): Promise<CollectedSpan> =>
    until(
      async () => named(name, traceId)[0],
      () => `a span ${name} among ${spansOf(traceId).map((span) => span.name)}`,
    );
  const hooked = (id: string, n: number): Promise<Received> =>
    until(
      async () => hooks.got.filter(({ event }) => event.subject === id)[n - 1],
      `attempt ${n} of a webhook`,
      30_000,
    );
  const send = async (headers: Record<string, string>, body = '{"a":1}') =>
    (await accepted(url, client, body, undefined, headers)).id;

  test("the caller's trace goes through both nodes, RabbitMQ and the webhook", async () => {
    const { traceId, traceparent } = caller();
    const id = await send({ traceparent, tracestate: "vendor=one" });
    const hook = await hooked(id, 1);
    const [request, run] = await Promise.all(["POST /imports", "batch.run"].map((name) => spanOf(name, traceId)));
    const attempt = await spanOf("POST webhook", traceId);
    expect(request).toMatchObject({
      parentSpanId: CALLER,
      kind: SERVER,
      attributes: {
        "http.request.method": "POST",
        "http.route": "/imports",
        "http.response.status_code": 202,
        "dataflow.client": client.id,
        "dataflow.batch.id": id,
      },
      resource: { "service.name": "dataflow", "deployment.environment.name": "test" },
    });
    expect(run).toMatchObject({
      parentSpanId: request?.spanId,
      attributes: { "dataflow.batch.id": id, "dataflow.client": client.id, "dataflow.outcome": "done" },
    });
    const [api] = nodes;
    await until(async () => api?.logs().includes(`"traceId":"${traceId}"`), "the request's line in the log");
    expect(run?.resource["service.instance.id"]).not.toBe(request?.resource["service.instance.id"]);
    const [claim, chunk, commit] = await Promise.all(
      ["batch.claim", "batch.chunk", "batch.commit"].map((name) => spanOf(name, traceId)),
    );
    expect([claim?.parentSpanId, chunk?.parentSpanId]).toEqual([run?.spanId, run?.spanId]);
    expect(commit?.parentSpanId).toBe(chunk?.spanId);

    expect(traceIdOf(hook.headers.traceparent)).toBe(traceId);
    expect(spanIdOf(hook.headers.traceparent)).toBe(attempt.spanId);
    expect(hook.headers.tracestate).toBe("vendor=one");
    expect(hook.event).toMatchObject({ traceparent: `00-${traceId}-${run?.spanId}-01`, tracestate: "vendor=one" });
    expect(attempt).toMatchObject({
      parentSpanId: run?.spanId,
      kind: CLIENT,
      attributes: { "server.address": "127.0.0.1" },
    });

    await until(async () => heard.filter(({ event }) => event.subject === id).length === 3, "three events");
    for (const { headers, event } of heard.filter(({ event }) => event.subject === id)) {
      expect(headers).toEqual({ traceparent: event.traceparent, tracestate: "vendor=one" });
      expect(traceIdOf(event.traceparent)).toBe(traceId);
    }

    // The second attempt of the webhook is a trace of its own.
    const again = await hooked(id, 2);
    const retried = await spanOf("POST webhook", traceIdOf(again.headers.traceparent));
    expect(retried.traceId).not.toBe(traceId);
    expect(retried.links).toMatchObject([{ traceId, spanId: run?.spanId }]);
  });

  test("small batches that are worked together stay in their own traces", async () => {
    const callers = Array.from({ length: 12 }, () => caller());
    const ids = await Promise.all(callers.map(({ traceparent }) => send({ traceparent })));
    for (const [i, id] of ids.entries()) {
      const told = () => heard.filter(({ event }) => event.subject === id).map(({ event }) => event);
      await until(async () => told().length === 3, "three events");
      expect(told().map(({ traceparent }) => traceIdOf(traceparent))).toEqual(Array(3).fill(callers[i]?.traceId));
      const run = await spanOf("batch.run", callers[i]?.traceId);
      const completed = told().find(({ type }) => type === "batch.completed");
      expect([run.attributes["dataflow.batch.id"], spanIdOf(completed?.traceparent)]).toEqual([id, run.spanId]);
    }
  });

  test("a retry is a trace of its own, with a link to the first", async () => {
    const { id: clientId } = client;
    await admin(url, `/clients/${clientId}/policy`, { method: "PATCH", body: '{"handler":"second.time"}' });
    const { traceId, traceparent } = caller();
    const id = await send({ traceparent });
    expect(await batchWhen(url, client, id)).toMatchObject({ status: "completed", attempts: 2 });
    const [request, first] = await Promise.all(["POST /imports", "batch.run"].map((name) => spanOf(name, traceId)));
    expect(first).toMatchObject({ attributes: { "dataflow.outcome": "retry" }, status: { code: 2 } });
    expect(await spanOf("batch.handler", traceId)).toMatchObject({ attributes: { "dataflow.target": "second.time" } });
    const runs = () =>
      collector
        .spans()
        .filter(({ name, attributes }) => name === "batch.run" && attributes["dataflow.batch.id"] === id);
    const second = await until(async () => runs().find((run) => run.traceId !== traceId), "the run of the retry");
    expect(second.parentSpanId || null).toBeNull();
    expect(second.links).toMatchObject([{ traceId, spanId: request?.spanId }]);
    const hook = await hooked(id, 1);
    expect(traceIdOf(hook.headers.traceparent)).toBe(second.traceId);
    await admin(url, `/clients/${clientId}/policy`, { method: "PATCH", body: '{"handler":"store"}' });
  });

  test("what the caller does not sample is not exported, and says so to others", async () => {
    const silent = caller("00");
    const id = await send({ traceparent: silent.traceparent });
    const hook = await hooked(id, 2);
    expect(hook.headers.traceparent).toMatch(new RegExp(`^00-${silent.traceId}-[0-9a-f]{16}-00$`));
    // Nodes send spans in the order in which they end.
    const after = caller();
    await hooked(await send({ traceparent: after.traceparent }), 1);
    await Promise.all(["POST /imports", "batch.run", "POST webhook"].map((name) => spanOf(name, after.traceId)));
    expect(spansOf(silent.traceId)).toEqual([]);
    expect(collector.spans().filter(({ attributes }) => attributes["dataflow.batch.id"] === id)).toEqual([]);
  });

  test.each(["00-xyz-b7ad6b7169203331-01", `00-${"0".repeat(32)}-${CALLER}-01`, `ff-${"1".repeat(32)}-${CALLER}-01`])(
    "the malformed traceparent %s is as none",
    async (traceparent) => {
      const id = await send({ traceparent });
      const request = () =>
        collector
          .spans()
          .find(({ name, attributes }) => name === "POST /imports" && attributes["dataflow.batch.id"] === id);
      const span = await until(async () => request(), "the span of the request");
      expect(span.parentSpanId || null).toBeNull();
      expect(span.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(traceparent).not.toContain(span.traceId);
    },
  );

  test("a call that crosses nodes has a span on each side; others have none", async () => {
    const { traceId, traceparent } = caller();
    const worker = collector.spans().find(({ name }) => name === "batch.run")?.resource["service.instance.id"];
    await admin(url, `/nodes/${worker}/resume`, { method: "POST", headers: { traceparent } });
    const sides = () => named("batchProcessor.resume", traceId).filter(({ kind }) => kind === SERVER);
    const callee = await until(async () => sides()[0], "the span of the callee");
    const calling = () => spansOf(traceId).find(({ spanId }) => spanId === callee.parentSpanId);
    const call = await until(async () => calling(), "the span of the call");
    expect(call).toMatchObject({ name: "batchProcessor.resume", kind: CLIENT });
    expect(call.resource["service.instance.id"]).not.toBe(callee.resource["service.instance.id"]);
    expect(
      collector.spans().filter(({ name }) => /^(batch|policy|outbox)\.(commitChunk|get|publish)$/.test(name)),
    ).toEqual([]);
  });
});
