import type { Config } from "../../../config/config.ts";
import {
  configFor,
  describeWithRabbit,
  newNamespace,
  rabbitTarget,
  rabbitUrlAt,
  removeNamespace,
} from "../../helpers/amqp.ts";
import { until } from "../../helpers/patience.ts";
import { startProxy, type TcpProxy } from "../../helpers/proxy.ts";
import { ids, startNode, stopNodes } from "./queue.suite.ts";

describeWithRabbit("work queues over bad links", () => {
  let proxy: TcpProxy;
  let direct: Config;
  let proxied: Config;
  beforeEach(async () => {
    proxy = await startProxy(rabbitTarget);
    const namespace = newNamespace();
    direct = configFor(namespace);
    proxied = configFor(namespace, { AMQP_URL: rabbitUrlAt(proxy.port, 1) });
  });
  afterEach(async () => {
    await stopNodes();
    await proxy.close();
    await removeNamespace(direct.namespace);
  });

  test("a confirmed message is never lost, however often links are cut", async () => {
    const node = await startNode(proxied, "n1");
    const confirmed = new Set<string>();
    const refused = new Set<string>();
    for (let round = 0; round < 4; round++) {
      const linksBefore = proxy.links();
      const adding = Array.from({ length: 200 }, (_, i) => `r${round}-${i}`).map((id) =>
        node.add(id).then(
          () => confirmed.add(id),
          () => refused.add(id),
        ),
      );
      await until(() => confirmed.size > round * 20, "a confirm");
      proxy.cut();
      await Promise.all(adding);
      // Both of the node's links come back by themselves.
      await until(() => proxy.links() >= linksBefore + 2, "new links");
      const isThere = () =>
        node.add(`back-${round}`).then(
          () => true,
          () => false,
        );
      await until(isThere, "a link that publishes");
    }
    expect(confirmed.size + refused.size).toBe(800);
    await until(() => [...confirmed].every((id) => ids(node.got).includes(id)), "every confirmed message");
  });

  test("a message whose consumer loses its link before the ack goes to another node", async () => {
    const dying = await startNode(proxied, "n1", () => {});
    await dying.add("a");
    await until(() => dying.got.length === 1, "the delivery");
    const other = await startNode(direct, "n2");
    await proxy.shut();
    await until(() => other.got.length === 1, "the other node's delivery");
    expect(ids(other.got)).toEqual(["a"]);
    // An ack on the closed channel has no effect and does no harm.
    dying.got[0]?.ack();
    expect(dying.queue.isAMQPQueueUp("batch.ready")).toBe(false);
    await expect(dying.add("b")).rejects.toThrow("RabbitMQ is away.");
    await proxy.open();
    await until(() => dying.queue.isAMQPQueueUp("batch.ready"), "the consumer");
  });

  test("an ack from before a reconnect does not acknowledge a message from after it", async () => {
    const node = await startNode(proxied, "n1", () => {});
    await node.add("a");
    await until(() => node.got.length === 1, "the delivery");
    proxy.cut();
    await until(() => node.got.length === 2, "the same again");
    node.got[0]?.ack();
    node.got[1]?.ack();
    const isAdded = () =>
      node.add("b").then(
        () => true,
        () => false,
      );
    await until(isAdded, "a link that publishes");
    await until(() => node.got.length === 3, "the next one");
    expect(ids(node.got)).toEqual(["a", "a", "b"]);
  });

  test("a paused consumer stays paused over a reconnect", async () => {
    const node = await startNode(proxied, "n1");
    await until(() => node.queue.isAMQPQueueUp("batch.ready"), "the consumer");
    await node.queue.pauseAMQPQueue("batch.ready");
    proxy.cut();
    await until(() => !node.queue.isAMQPQueueUp("batch.ready"), "the cut");
    await until(() => node.queue.isAMQPQueueUp("batch.ready"), "the link");
    const other = await startNode(direct, "n2", null);
    await other.add("a");
    const last = await startNode(direct, "n3");
    await until(() => last.got.length === 1, "the node that is not paused");
    expect(node.got).toEqual([]);
    await node.queue.resumeAMQPQueue("batch.ready");
    await last.stop();
    await other.add("b");
    await until(() => node.got.length === 1, "the message after the pause");
  });

  test("a frozen link is noticed, its message goes to another node, and the node reconnects", async () => {
    const frozen = await startNode(proxied, "n1", () => {});
    await frozen.add("a");
    await until(() => frozen.got.length === 1, "the delivery");
    const other = await startNode(direct, "n2");
    proxy.freeze();
    const late = frozen.add("b");
    await expect(late).rejects.toThrow();
    await until(() => !frozen.queue.isAMQPQueueUp("batch.ready"), "the freeze");
    await until(() => other.got.length === 1, "the other node's delivery");
    proxy.thaw();
    await until(() => frozen.queue.isAMQPQueueUp("batch.ready"), "the new link");
  });
});
