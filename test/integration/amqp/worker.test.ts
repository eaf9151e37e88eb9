import { define } from "../../../mixins/define.ts";
import { configFor, describeWithRabbit, newNamespace, rabbitUrl, removeNamespace } from "../../helpers/amqp.ts";
import { accepted, batchWhen, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { startNode } from "./queue.suite.ts";

/** A handler that holds each chunk until the test releases it. */
function gate() {
  const waiting: (() => void)[] = [];
  const service = define({
    name: "gate",
    actions: {
      hold: { importHandler: true, timeout: 0, handler: () => new Promise<void>((resolve) => waiting.push(resolve)) },
    },
  });
  return { service, waiting, openAll: () => waiting.splice(0).map((resolve) => resolve()) };
}

describeWithRabbit("a worker on RabbitMQ's tokens", () => {
  let system: System;
  let namespace: string;
  const { service, waiting, openAll } = gate();

  beforeAll(async () => {
    namespace = newNamespace();
    const env = { AMQP_URL: rabbitUrl, NAMESPACE: namespace, WORKER_CONCURRENCY: "1", POLL_INTERVAL: "1h" };
    system = await startSystem({ env, extra: [service] });
  });
  afterAll(async () => {
    openAll();
    const { nodeID } = system.broker;
    await system.stop();
    await removeNamespace(namespace, [nodeID]);
  });

  test("a worker starts a batch on a token, without polling", async () => {
    const client = await newClient(system.url);
    const { id } = await accepted(system.url, client, '{"a":1}');
    expect(await batchWhen(system.url, client, id)).toMatchObject({ status: "completed" });
  });

  test("/health/ready shows RabbitMQ", async () => {
    const ready = await (await fetch(`${system.url}/health/ready`)).json();
    const checks = { redis: "off", rabbitmq: { status: "up", latencyMs: expect.any(Number) } };
    expect(ready).toMatchObject({ status: "ok", checks });
  });

  test("a worker without free slots leaves tokens to others, and takes tokens again when a slot frees", async () => {
    const client = await newClient(system.url, { handler: "gate.hold", maxConcurrentBatches: 8 });
    const first = await accepted(system.url, client, '{"a":1}');
    await until(() => waiting.length === 1, "the first batch at its handler");
    const second = await accepted(system.url, client, '{"a":2}');

    // Another node of the cluster. It gets the second batch's token only if the first node leaves that token alone.
    const other = await startNode(configFor(namespace), "other");
    await until(() => other.got.some(({ id }) => id === second.id), "the token at the other node");
    await other.stop();

    openAll();
    expect(await batchWhen(system.url, client, first.id)).toMatchObject({ status: "completed" });
    await until(() => waiting.length === 1, "the second batch at its handler");
    openAll();
    expect(await batchWhen(system.url, client, second.id)).toMatchObject({ status: "completed" });

    const third = await accepted(system.url, client, '{"a":3}');
    await until(() => waiting.length === 1, "the third batch, by its token");
    openAll();
    expect(await batchWhen(system.url, client, third.id)).toMatchObject({ status: "completed" });
  });
});
