/**
 * One trace leads from the caller's traceparent over an api node, RabbitMQ and a worker to the webhook. Calls that are not
 * sampled are not exported.
 */
import { describeWithRabbit } from "../helpers/amqp.ts";
import { describePostgres } from "../helpers/database.ts";
import { admin } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { describeRedis } from "../helpers/redis.ts";
import { CALLER, CLIENT, caller, SERVER, spanIdOf, traceIdOf, World } from "./traces.kit.ts";
import { furtherRuns } from "./traces.runs.suite.ts";

const everyServer = (name: string, suite: () => void) =>
  describePostgres(name, () => describeRedis("with Redis", () => describeWithRabbit("and RabbitMQ", suite)));

everyServer("a system that is traced", () => {
  const world = new World();
  beforeAll(() => world.start());
  afterAll(() => world.stop());

  test("the caller's trace goes through both nodes, RabbitMQ and the webhook", async () => {
    const { traceId, traceparent } = caller();
    const id = await world.send({ traceparent, tracestate: "vendor=one" });
    const hook = await world.hooked(id, 1);
    const [request, run] = await Promise.all(["POST /imports", "batch.run"].map((name) => world.spanOf(name, traceId)));
    const attempt = await world.spanOf("POST webhook", traceId);
    expect(request).toMatchObject({
      parentSpanId: CALLER,
      kind: SERVER,
      attributes: {
        "http.request.method": "POST",
        "http.route": "/imports",
        "http.response.status_code": 202,
        "dataflow.client": world.client.id,
        "dataflow.batch.id": id,
      },
      resource: { "service.name": "dataflow", "deployment.environment.name": "test" },
    });
    expect(run).toMatchObject({
      parentSpanId: request?.spanId,
      attributes: { "dataflow.batch.id": id, "dataflow.client": world.client.id, "dataflow.outcome": "done" },
    });
    const [api] = world.nodes;
    await until(async () => api?.logs().includes(`"traceId":"${traceId}"`), "the request's line in the log");
    expect(run?.resource["service.instance.id"]).not.toBe(request?.resource["service.instance.id"]);
    const [claim, chunk, commit] = await Promise.all(
      ["batch.claim", "batch.chunk", "batch.commit"].map((name) => world.spanOf(name, traceId)),
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

    await until(async () => world.heard.filter(({ event }) => event.subject === id).length === 3, "three events");
    for (const { headers, event } of world.heard.filter(({ event }) => event.subject === id)) {
      expect(headers).toEqual({ traceparent: event.traceparent, tracestate: "vendor=one" });
      expect(traceIdOf(event.traceparent)).toBe(traceId);
    }

    // The second attempt of the webhook is a trace of its own.
    const again = await world.hooked(id, 2);
    const retried = await world.spanOf("POST webhook", traceIdOf(again.headers.traceparent));
    expect(retried.traceId).not.toBe(traceId);
    expect(retried.links).toMatchObject([{ traceId, spanId: run?.spanId }]);
  });

  test("small batches that are worked together stay in their own traces", async () => {
    const callers = Array.from({ length: 12 }, () => caller());
    const ids = await Promise.all(callers.map(({ traceparent }) => world.send({ traceparent })));
    for (const [i, id] of ids.entries()) {
      const told = () => world.heard.filter(({ event }) => event.subject === id).map(({ event }) => event);
      await until(async () => told().length === 3, "three events");
      expect(told().map(({ traceparent }) => traceIdOf(traceparent))).toEqual(Array(3).fill(callers[i]?.traceId));
      const run = await world.spanOf("batch.run", callers[i]?.traceId);
      const completed = told().find(({ type }) => type === "batch.completed");
      expect([run.attributes["dataflow.batch.id"], spanIdOf(completed?.traceparent)]).toEqual([id, run.spanId]);
    }
  });

  furtherRuns(world);

  test("what the caller does not sample is not exported, and says so to others", async () => {
    await admin(world.url, `/clients/${world.client.id}/policy`, { method: "PATCH", body: '{"handler":"store"}' });
    const silent = caller("00");
    const id = await world.send({ traceparent: silent.traceparent });
    const hook = await world.hooked(id, 2);
    expect(hook.headers.traceparent).toMatch(new RegExp(`^00-${silent.traceId}-[0-9a-f]{16}-00$`));
    // Nodes send spans in the order in which they end, so a later span shows that none is missing.
    const after = caller();
    await world.hooked(await world.send({ traceparent: after.traceparent }), 1);
    await Promise.all(["POST /imports", "batch.run", "POST webhook"].map((name) => world.spanOf(name, after.traceId)));
    expect(world.spansOf(silent.traceId)).toEqual([]);
    expect(world.spans().filter(({ attributes }) => attributes["dataflow.batch.id"] === id)).toEqual([]);
  });

  test.each(["00-xyz-b7ad6b7169203331-01", `00-${"0".repeat(32)}-${CALLER}-01`, `ff-${"1".repeat(32)}-${CALLER}-01`])(
    "the malformed traceparent %s is as none",
    async (traceparent) => {
      const id = await world.send({ traceparent });
      const request = () =>
        world
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
    const worker = world.spans().findLast(({ name }) => name === "batch.run")?.resource["service.instance.id"];
    await admin(world.url, `/nodes/${worker}/resume`, { method: "POST", headers: { traceparent } });
    const sides = () => world.named("batchProcessor.resume", traceId).filter(({ kind }) => kind === SERVER);
    const callee = await until(async () => sides()[0], "the span of the callee");
    const calling = () => world.spansOf(traceId).find(({ spanId }) => spanId === callee.parentSpanId);
    const call = await until(async () => calling(), "the span of the call");
    expect(call).toMatchObject({ name: "batchProcessor.resume", kind: CLIENT });
    expect(call.resource["service.instance.id"]).not.toBe(callee.resource["service.instance.id"]);
    expect(world.spans().filter(({ name }) => /^(batch|policy|outbox)\.(commitChunk|get|publish)$/.test(name))).toEqual(
      [],
    );
  });
});
