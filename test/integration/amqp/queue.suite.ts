/** What every kind of work queue promises, in this process as in RabbitMQ. */
import { ServiceBroker } from "moleculer";
import type { Config } from "../../../config/config.ts";
import { define } from "../../../mixins/define.ts";
import { brokerOptions } from "../../../moleculer.config.ts";
import { uuidv7 } from "../../../services/ids.ts";
import { type QueueChannel, type QueueMessage, queueMixin, type WithQueue } from "../../../services/messages.ts";
import { until } from "../../helpers/patience.ts";

export interface Delivery {
  id: string | null;
  ack(): void;
}

export interface Node {
  broker: ServiceBroker;
  queue: WithQueue;
  /** The messages that this node's consumer has received so far. */
  got: Delivery[];
  add(name: string): Promise<void>;
  stop(): Promise<void>;
}

const running = new Set<Node>();

/** Stops every node that still runs. Call it after each test, so that a failed test leaves none behind. */
export const stopNodes = (): Promise<unknown> => Promise.all([...running].map((node) => node.stop()));

const batchIds = new Map<string, string>();
/** The batch id for a token. Tests call their tokens by short names. */
export function batchIdOf(name: string): string {
  const known = batchIds.get(name) ?? uuidv7();
  batchIds.set(name, known);
  return known;
}

/** The name that a test has given to the message, or the id of a batch that the test did not name. */
function nameOf({ content }: QueueMessage): string | null {
  const { batchId } = content as { batchId: string | null };
  return [...batchIds].find(([, id]) => id === batchId)?.[0] ?? batchId;
}

/** A node with one service that consumes `batch.ready`. Without `handle` it acknowledges each message at once. */
export async function startNode(
  config: Config,
  nodeID: string,
  handle: ((delivery: Delivery) => void | Promise<void>) | null = ({ ack }) => ack(),
): Promise<Node> {
  const got: Delivery[] = [];
  const options = { ...brokerOptions(config), transporter: null, nodeID, skipProcessEventRegistration: true };
  const broker = new ServiceBroker(options);
  const consumer = {
    async "batch.ready"(channel: QueueChannel, message: QueueMessage) {
      const delivery = { id: nameOf(message), ack: () => channel.ack(message) };
      got.push(delivery);
      await handle?.(delivery);
    },
  };
  broker.createService(define({ name: "worker", mixins: [queueMixin], AMQPQueues: handle ? consumer : {} }));
  await broker.start();
  const queue = broker.getLocalService("worker") as unknown as WithQueue;
  const node: Node = {
    broker,
    queue,
    got,
    add: (name) => queue.addAMQPJob("batch.ready", { batchId: batchIdOf(name) }),
    stop: () => {
      running.delete(node);
      return broker.stop();
    },
  };
  running.add(node);
  return node;
}

export const ids = (got: Delivery[]): (string | null)[] => got.map(({ id }) => id);

/** Waits until `count` different messages have come again, after their first delivery was given back, and acknowledges them. */
async function untilAcked({ got }: Node, count: number): Promise<void> {
  const seen = new Set<string | null>();
  await until(() => {
    const last = got.at(-1);
    if (last && got.length > 1) {
      seen.add(last.id);
      last.ack();
    }
    return seen.size === count;
  }, `all ${count}`);
}

/** `configOf` makes the settings for one test, with a queue of its own. Run `stopNodes` after each test. */
export function queueSuite(configOf: () => Config): void {
  test("messages come in order, the next one after the ack", async () => {
    const node = await startNode(configOf(), "n1", () => {});
    await Promise.all(["a", "b", "c"].map((id) => node.add(id)));
    await until(() => node.got.length === 1, "the first");
    await node.queue.pauseAMQPQueue("batch.ready");
    expect(ids(node.got)).toEqual(["a"]);
    await node.queue.resumeAMQPQueue("batch.ready");
    await untilAcked(node, 3);
  });

  test("a paused consumer holds no message, and those that it held are delivered again", async () => {
    const node = await startNode(configOf(), "n1", () => {});
    await node.add("a");
    await until(() => node.got.length === 1, "the first delivery");
    await node.queue.pauseAMQPQueue("batch.ready");
    // An ack of a message that was given back has no effect.
    node.got[0]?.ack();
    await node.add("b");
    expect(ids(node.got)).toEqual(["a"]);
    await node.queue.resumeAMQPQueue("batch.ready");
    await untilAcked(node, 2);
  });

  test("a message whose handler fails is delivered again", async () => {
    let failures = 0;
    const node = await startNode(configOf(), "n1", ({ ack }) => {
      if (++failures < 3) throw new Error("not yet");
      ack();
    });
    await node.add("a");
    await until(() => node.got.length === 3, "the third delivery");
    expect(ids(node.got)).toEqual(["a", "a", "a"]);
  });

  test("a payload that does not fit the queue's schema is not sent", async () => {
    const node = await startNode(configOf(), "n1", null);
    const add = (payload: unknown) => node.queue.addAMQPJob("batch.ready", payload as { batchId: null });
    await expect(add({ batchId: 7 })).rejects.toThrow(/batchId/);
    await expect(add({ batchId: "no-uuid" })).rejects.toThrow(/batchId/);
    await expect(add({})).rejects.toThrow(/batchId/);
    await expect(add({ batchId: null, more: 1 })).rejects.toThrow(/more/);
    await expect(add(null)).rejects.toThrow(/not an object/);
  });
}
