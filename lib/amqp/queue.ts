/**
 * Work queues in RabbitMQ. Publishing and consuming use two connections: while RabbitMQ is short of memory it does not read a
 * publishing connection, and the acks of consumed messages must not wait for that.
 */
import type { ServiceBroker } from "moleculer";
import { configOf } from "../../config/config.ts";
import { PerBroker } from "../batching/per-broker.ts";
import { type Counter, counter } from "../metrics/figures.ts";
import type { Check, Consumption, Handle, MessageHeaders, QueueDriver, QueueName } from "../queue/driver.ts";
import { AmqpConsumer } from "./consumer.ts";
import { AmqpLink, type LinkOptions } from "./link.ts";
import { AmqpPublisher } from "./publisher.ts";
import { namesOf } from "./topology.ts";

/** Local event: a queue or publishing may have come up or gone down. */
export const QUEUE_CHANGED = "$queue.changed";

const reconnects = { name: "dataflow_queue_reconnects_total", help: "Connections to RabbitMQ that came back, by use." };
const purposes = ["publish", "consume"] as const;
type Purpose = (typeof purposes)[number];
const counters = new WeakMap<ServiceBroker, Counter<Purpose>>();

/** One for each node, made by the service that asks first. */
export function countReconnects(broker: ServiceBroker): Counter<Purpose> {
  const counted = counters.get(broker) ?? counter(broker, reconnects, "link", purposes);
  counters.set(broker, counted);
  return counted;
}

function linkOptions(broker: ServiceBroker, purpose: Purpose): LinkOptions {
  return {
    urls: configOf(broker).amqpUrls,
    name: `${broker.nodeID} ${purpose}`,
    logger: broker.getLogger(`rabbit/${purpose}`),
    reconnected: () => countReconnects(broker).add(purpose),
    changed: () => void broker.localBus.emit(QUEUE_CHANGED),
  };
}

/** The node's publisher. */
export const publishers = new PerBroker<AmqpPublisher>(
  async (broker) => {
    const publisher = new AmqpPublisher(configOf(broker), linkOptions(broker, "publish"));
    await publisher.opened();
    return publisher;
  },
  (publisher) => publisher.close(),
);

export class AmqpQueues implements QueueDriver {
  private readonly broker: ServiceBroker;
  private readonly publisher: AmqpPublisher;
  private link: AmqpLink | null = null;

  static async open(broker: ServiceBroker): Promise<AmqpQueues> {
    return new AmqpQueues(broker, await publishers.acquire(broker));
  }

  private constructor(broker: ServiceBroker, publisher: AmqpPublisher) {
    this.broker = broker;
    this.publisher = publisher;
  }

  add(name: QueueName, payload: unknown, headers?: MessageHeaders): Promise<void> {
    return this.publisher.toQueue(name, payload, headers);
  }

  consume(name: QueueName, handle: Handle, check: Check): Consumption {
    this.link ??= new AmqpLink(linkOptions(this.broker, "consume"));
    return new AmqpConsumer({
      link: this.link,
      names: namesOf(configOf(this.broker), name),
      read: (content) => check(name, JSON.parse(content.toString())),
      handle,
      canPublish: () => this.publisher.isReady,
      publishAgain: (payload) => this.add(name, payload),
      logger: this.broker.getLogger("rabbit/consume"),
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.link?.close(), publishers.release(this.broker)]);
  }
}
