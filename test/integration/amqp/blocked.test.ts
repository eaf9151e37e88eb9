import { type ChannelModel, connect } from "amqplib";
import type { QueueStats } from "../../../services/batch/batch.reads.domain.ts";
import type { CloudEvent } from "../../../services/outbox/outbox.domain.ts";
import { describeWithRabbit, newNamespace } from "../../helpers/amqp.ts";
import { accepted, batchWhen, newClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { hasRabbitServer, type RabbitServer, startRabbitServer } from "../../helpers/rabbit-server.ts";
import { canRun } from "../../helpers/servers.ts";
import { type System, startSystem } from "../../helpers/system.ts";

const canAlarm = canRun("a RabbitMQ that is short of memory", [
  hasRabbitServer ? null : "a rabbitmq-server of its own (Debian's, in /usr/lib/rabbitmq)",
]);

describeWithRabbit("a RabbitMQ that is short of memory", () => {
  let server: RabbitServer;
  let system: System;
  let outsider: ChannelModel;

  beforeAll(async () => {
    if (!canAlarm) return;
    server = await startRabbitServer();
    const env = { AMQP_URL: server.url, NAMESPACE: newNamespace(), SWEEP_INTERVAL: "100ms", POLL_INTERVAL: "1h" };
    system = await startSystem({ env: { ...env, LOG_LEVEL: "fatal" } });
    outsider = await connect(server.url);
  });
  afterAll(async () => {
    await outsider?.close();
    await system?.stop();
    await server?.stop();
  });

  const testIt = canAlarm ? test : test.skip;
  testIt("holds up no batch; events wait until it takes them, each with one id", async () => {
    const ids = new Set<string>();
    const channel = await outsider.createChannel();
    const { queue } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(queue, `${system.broker.namespace}.events`, "batch.*");
    const hear = (content: Buffer) => ids.add((JSON.parse(content.toString()) as CloudEvent).id);
    await channel.consume(queue, (message) => void (message && hear(message.content)), { noAck: true });
    const client = await newClient(system.url);
    const depth = async () => ((await system.broker.call("batch.stats")) as QueueStats).outboxDepth;

    await server.setAlarm(true);
    for (let i = 0; i < 3; i++) {
      const { id } = await accepted(system.url, client, `{"a":${i}}`);
      expect(await batchWhen(system.url, client, id)).toMatchObject({ status: "completed" });
    }
    expect(await depth()).toBeGreaterThanOrEqual(9);
    expect(ids.size).toBe(0);
    const ready = await (await fetch(`${system.url}/health/ready`)).json();
    expect(ready).toMatchObject({ status: "degraded", checks: { rabbitmq: { status: "down" } } });

    await server.setAlarm(false);
    await until(() => ids.size === 9, "all events");
    await until(async () => (await depth()) === 0, "an empty outbox");
    expect(ids.size).toBe(9);
  });
});
