import { type ChannelModel, type ConsumeMessage, connect } from "amqplib";
import type { WithDatabase } from "../../../mixins/database.ts";
import type { QueueStats } from "../../../services/batch/batch.reads.domain.ts";
import type { CloudEvent } from "../../../services/outbox/outbox.domain.ts";
import {
  describeWithRabbit,
  newNamespace,
  rabbitTarget,
  rabbitUrl,
  rabbitUrlAt,
  removeNamespace,
} from "../../helpers/amqp.ts";
import { accepted, admin, batchWhen, newClient, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { startProxy, type TcpProxy } from "../../helpers/proxy.ts";
import { type System, startSystem } from "../../helpers/system.ts";

describeWithRabbit("events for outsiders", () => {
  let proxy: TcpProxy;
  let system: System;
  let client: TestClient;
  let namespace: string;
  let outsider: ChannelModel;
  const heard: ConsumeMessage[] = [];
  const events = () => heard.map(({ content }) => JSON.parse(content.toString()) as CloudEvent);
  const typesOf = (batchId: string) =>
    events()
      .filter(({ subject }) => subject === batchId)
      .map(({ type }) => type);
  const idsOf = (batchId: string) =>
    events()
      .filter(({ subject }) => subject === batchId)
      .map(({ id }) => id);
  const stats = () => system.broker.call("batch.stats") as Promise<QueueStats>;
  const isEmptied = async () => (await stats()).outboxDepth === 0;

  async function start(env: Record<string, string> = {}) {
    namespace = newNamespace();
    proxy = await startProxy(rabbitTarget);
    const own = {
      AMQP_URL: rabbitUrlAt(proxy.port, 1),
      NAMESPACE: namespace,
      SWEEP_INTERVAL: "100ms",
      POLL_INTERVAL: "1h",
      // Moleculer logs each cut link as an error.
      LOG_LEVEL: "fatal",
    };
    system = await startSystem({ env: { ...own, ...env } });
    outsider = await connect(rabbitUrl);
    const channel = await outsider.createChannel();
    const { queue } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(queue, `${namespace}.events`, "#");
    await channel.consume(queue, (message) => void (message && heard.push(message)), { noAck: true });
    client = await newClient(system.url);
  }
  afterEach(async () => {
    heard.length = 0;
    const { nodeID } = system.broker;
    await system.stop();
    await proxy.close();
    await outsider.close();
    await removeNamespace(namespace, [nodeID]);
  });

  test("the events of a batch are published in order, as persistent CloudEvents, and then deleted", async () => {
    await start();
    const { id } = await accepted(system.url, client, '{"a":1}');
    await until(() => typesOf(id).length === 3, "three events");
    expect(typesOf(id)).toEqual(["batch.created", "batch.ready", "batch.completed"]);
    expect(events().find(({ type }) => type === "batch.completed")).toMatchObject({
      specversion: "1.0",
      source: `/${namespace}`,
      subject: id,
      datacontenttype: "application/json",
      data: { batchId: id, clientId: client.id, status: "completed", counts: { received: 1, accepted: 1 } },
    });
    for (const { properties, fields, content } of heard) {
      const event = JSON.parse(content.toString()) as CloudEvent;
      expect(properties).toMatchObject({
        contentType: "application/cloudevents+json",
        deliveryMode: 2,
        messageId: event.id,
        type: event.type,
      });
      expect(fields.routingKey).toBe(event.type);
    }
    await until(isEmptied, "an empty outbox");
  });

  test("while RabbitMQ is away batches run by polling, and their events wait", async () => {
    await start();
    await proxy.shut();
    const { id } = await accepted(system.url, client, '{"a":1}');
    expect(await batchWhen(system.url, client, id)).toMatchObject({ status: "completed" });
    expect((await stats()).outboxDepth).toBeGreaterThanOrEqual(3);
    expect(typesOf(id)).toEqual([]);
    await proxy.open();
    await until(() => new Set(typesOf(id)).size === 3, "the events that waited");
    await until(isEmptied, "an empty outbox");
  });

  test("a waiting event is published when RabbitMQ is back, before another relay may take it", async () => {
    await start();
    const takes = jest.spyOn(
      (system.broker.getLocalService("batch") as unknown as WithDatabase).database.store,
      "takeOutbox",
    );
    await proxy.shut();
    const { id } = await accepted(system.url, client, '{"a":1}');
    await proxy.open();
    await until(() => new Set(typesOf(id)).size === 3, "the events that waited");
    expect((await Promise.all(takes.mock.results.map(({ value }) => value))).flat()).toEqual([]);
  });

  test("an event whose confirm is lost is published again, with the same id", async () => {
    await start();
    proxy.deafen();
    const { id } = await accepted(system.url, client, '{"a":1}');
    await until(() => typesOf(id).includes("batch.created"), "the first time");
    proxy.cut();
    await until(async () => idsOf(id).length > new Set(idsOf(id)).size, "the second time");
    await until(isEmptied, "an empty outbox");
    expect(new Set(idsOf(id)).size).toBe(3);
    expect(new Set(typesOf(id))).toEqual(new Set(["batch.created", "batch.ready", "batch.completed"]));
  });

  test("changes by operators are published without secrets; refused changes are not", async () => {
    await start();
    const changes = () => events().filter(({ subject }) => subject === client.id);
    await until(() => changes().some(({ type }) => type === "policy.changed"), "the new client's policy");
    const patch = (path: string, change: object) =>
      admin(system.url, `/clients/${client.id}${path}`, { method: "PATCH", body: JSON.stringify(change) });
    await patch("", { status: "disabled" });
    await patch("/policy", { weight: 0 });
    await patch("/policy", { weight: 3 });
    await admin(system.url, `/clients/${client.id}/rotate-secret`, { method: "POST", body: "{}" });
    await until(() => changes().filter(({ type }) => type === "policy.changed").length === 2, "the policy's change");
    await until(() => changes().filter(({ type }) => type === "client.changed").length === 3, "the client's changes");
    expect(changes().find(({ type }) => type === "policy.changed")?.data).toEqual({ clientId: client.id, version: 1 });
    expect(changes().find(({ type }) => type === "client.changed")?.data).toEqual({
      clientId: client.id,
      clientIdentifier: client.identifier,
      name: client.identifier,
      status: "active",
      version: 1,
    });
    await until(isEmptied, "an empty outbox");
    // Creating with a policy, disabling, a new policy and a new secret: its own event announces each of them once.
    const byType = (type: string) => changes().filter((change) => change.type === type);
    expect(byType("client.changed").map(({ data }) => data.status)).toEqual(["active", "disabled", "disabled"]);
    expect(byType("policy.changed").map(({ data }) => data.version)).toEqual([1, 2]);
  });

  test("creating a client without a policy publishes one event", async () => {
    await start();
    const body = JSON.stringify({ clientIdentifier: `plain-${process.pid}`, name: "Plain" });
    const made = (await (await admin(system.url, "/clients", { method: "POST", body })).json()) as { id: string };
    await until(isEmptied, "an empty outbox");
    await until(() => events().some(({ subject }) => subject === made.id), "the new client");
    expect(typesOf(made.id)).toEqual(["client.changed"]);
  });

  test("PUBLISH_EVENTS=false publishes nothing, and workers poll", async () => {
    await start({ PUBLISH_EVENTS: "false", POLL_INTERVAL: "50ms" });
    const { id } = await accepted(system.url, client, '{"a":1}');
    expect(await batchWhen(system.url, client, id)).toMatchObject({ status: "completed" });
    await until(isEmptied, "an empty outbox");
    expect(heard).toEqual([]);
  });
});
