import { connect } from "amqplib";
import type { Config } from "../../../config/config.ts";
import { configFor, describeWithRabbit, newNamespace, rabbitUrl, removeNamespace } from "../../helpers/amqp.ts";
import { until } from "../../helpers/patience.ts";
import { batchIdOf, ids, queueSuite, startNode, stopNodes } from "./queue.suite.ts";

describeWithRabbit("work queues in RabbitMQ", () => {
  let config: Config;
  beforeEach(() => {
    config = configFor(newNamespace());
  });
  afterEach(async () => {
    await stopNodes();
    await removeNamespace(config.namespace);
  });

  queueSuite(() => config);

  test("several nodes share the messages, and each message goes to one", async () => {
    const nodes = await Promise.all(["n1", "n2", "n3"].map((nodeId) => startNode(config, nodeId)));
    const names = Array.from({ length: 60 }, (_, i) => `m${i}`);
    await Promise.all(names.map((name, i) => nodes[i % 3]?.add(name)));
    const all = () => nodes.flatMap(({ got }) => ids(got));
    await until(() => all().length >= 60, "all messages");
    expect(all().sort()).toEqual(names.sort());
    expect(nodes.every(({ got }) => got.length > 0)).toBe(true);
  });

  test("messages that a paused node held go to another node at once", async () => {
    const busy = await startNode(config, "n1", () => {});
    await busy.add("a");
    await until(() => busy.got.length === 1, "the delivery");
    const idle = await startNode(config, "n2");
    await busy.queue.pauseAMQPQueue("batch.ready");
    await until(() => idle.got.length === 1, "the other node's delivery");
    expect(ids(idle.got)).toEqual(["a"]);
  });

  test("a message that is handed back more often than the delivery limit is no dead letter", async () => {
    const node = await startNode(config, "n1", () => {});
    await node.add("a");
    for (let round = 1; round <= 25; round++) {
      await until(() => node.got.length === round, `delivery ${round}`);
      await node.queue.pauseAMQPQueue("batch.ready");
      await node.queue.resumeAMQPQueue("batch.ready");
    }
    await until(() => node.got.length === 26, "one more delivery");
    expect(new Set(ids(node.got))).toEqual(new Set(["a"]));
  });

  test("a message that fails its schema, or kills its consumers, becomes a dead letter, and the others go on", async () => {
    const node = await startNode(config, "n1", ({ id, ack }) => {
      if (id === "poison") throw new Error("dead again");
      ack();
    });
    const connection = await connect(rabbitUrl);
    const channel = await connection.createConfirmChannel();
    const wrong = ["{not json", '{"batchId":7}', '{"batchId":"no-uuid"}'];
    for (const content of wrong) channel.sendToQueue(config.batchReadyQueue, Buffer.from(content));
    await channel.waitForConfirms();
    await node.add("poison");
    await node.add("good");
    const dead: string[] = [];
    await until(async () => {
      const letter = await channel.get(`${config.batchReadyQueue}.dead`, { noAck: true });
      if (letter) dead.push(letter.content.toString());
      return dead.length === 4;
    }, "four dead letters");
    expect(dead).toEqual([...wrong, `{"batchId":"${batchIdOf("poison")}"}`]);
    await until(() => ids(node.got).includes("good"), "the good one");
    expect(ids(node.got).filter((id) => id === "poison").length).toBeGreaterThanOrEqual(20);
    await connection.close();
  });

  test("a queue that exists with other arguments ends the start, which names the setting", async () => {
    const connection = await connect(rabbitUrl);
    const channel = await connection.createChannel();
    await channel.assertQueue(config.batchReadyQueue, { durable: true });
    await expect(startNode(config, "n1")).rejects.toThrow(
      new RegExp(`^BATCH_READY_QUEUE: expected a name that is free.*"${config.batchReadyQueue}".*inequivalent arg`),
    );
    await channel.deleteQueue(config.batchReadyQueue);
    const dead = `${config.batchReadyQueue}.dead`;
    await channel.deleteQueue(dead);
    await channel.assertQueue(dead, { durable: true });
    await expect(startNode(config, "n1")).rejects.toThrow(new RegExp(`^BATCH_READY_QUEUE: .*delete "${dead}" in`));
    await channel.deleteQueue(dead);
    await channel.deleteExchange(config.eventsExchange);
    await channel.assertExchange(config.eventsExchange, "fanout");
    await expect(startNode(config, "n1")).rejects.toThrow(/^EVENTS_EXCHANGE: .*inequivalent arg 'type'/);
    await connection.close();
  });

  test("a queue that is deleted under a running node is declared again, and works", async () => {
    const node = await startNode(config, "n1");
    await node.add("a");
    await until(() => node.got.length === 1, "the first");
    const connection = await connect(rabbitUrl);
    const channel = await connection.createChannel();
    await channel.deleteQueue(config.batchReadyQueue);
    const isAdded = () =>
      node.add("b").then(
        () => true,
        () => false,
      );
    await until(isAdded, "a queue to add to");
    await until(() => node.got.length >= 2, "the second");
    await connection.close();
  });
});
