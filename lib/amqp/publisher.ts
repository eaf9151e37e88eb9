/**
 * What leaves this node for RabbitMQ: persistent, and done only when confirmed, which means on the disks of a majority.
 * It keeps nothing: where RabbitMQ is away, blocked or too slow, a message is refused, and its sender still has it.
 */
import { randomUUID } from "node:crypto";
import type { ChannelWrapper } from "amqp-connection-manager";
import type { ConfirmChannel, Message } from "amqplib";
import type { Config } from "../../config/config.ts";
import type { QueueName } from "../../services/contracts.ts";
import { AmqpLink, type LinkOptions, within } from "./link.ts";
import { declareAll, namesOf } from "./topology.ts";

/** A confirm takes some ms; one that takes this long comes from a RabbitMQ that cannot. The sweep repeats the message. */
const PUBLISH_TIMEOUT_MS = 5_000;
/** A planned stop waits no longer for confirms: the sweep of another node repeats the message. */
const CLOSE_MS = 1_000;
/** What may wait for its confirm; beyond it RabbitMQ is slower than we are, and more would only cost memory. */
const MOST_UNCONFIRMED = 1_000;

export class AmqpPublisher {
  private readonly config: Config;
  private readonly link: AmqpLink;
  private readonly wrapper: ChannelWrapper;
  private readonly unconfirmed = new Set<Promise<unknown>>();
  private readonly returned = new Set<string>();
  private channel: ConfirmChannel | null = null;

  constructor(config: Config, options: LinkOptions) {
    this.config = config;
    this.link = new AmqpLink(options);
    this.wrapper = this.link.channel<ConfirmChannel>(async (channel) => {
      // What the last channel returned and did not confirm is sent anew, or given up.
      this.returned.clear();
      channel.on("return", ({ properties }: Message) => this.returned.add(properties.messageId as string));
      await declareAll(channel, config);
      this.channel = channel;
    }, PUBLISH_TIMEOUT_MS);
  }

  /** Whether a message has a chance now. */
  get isReady(): boolean {
    return this.link.isUp && !this.link.isBlocked;
  }

  /** Resolves when it may be used, or after a while in any case. */
  opened(): Promise<void> {
    return within(PUBLISH_TIMEOUT_MS, this.wrapper.waitForConnect());
  }

  /** To a work queue. `mandatory`: were the queue gone, RabbitMQ would confirm and forget. */
  async toQueue(name: QueueName, payload: unknown): Promise<void> {
    const messageId = randomUUID();
    const { queue } = namesOf(this.config, name);
    const options = { persistent: true, mandatory: true, messageId, contentType: "application/json" };
    await this.confirmed(() => this.wrapper.sendToQueue(queue, Buffer.from(JSON.stringify(payload)), options));
    // RabbitMQ returns before it confirms.
    if (!this.returned.delete(messageId)) return;
    this.link.replaceChannels();
    throw new Error(`The queue ${queue} is gone; it is made again.`);
  }

  /** To the events' exchange. Not mandatory: an event that nobody binds is no fault. */
  async toExchange(routingKey: string, messageId: string, contentType: string, body: string): Promise<void> {
    const options = { persistent: true, messageId, contentType, type: routingKey };
    const { eventsExchange } = this.config;
    await this.confirmed(() => this.wrapper.publish(eventsExchange, routingKey, Buffer.from(body), options));
  }

  /** A round trip on the channel that publishes, in ms; rejects where a message would have no chance. */
  async ping(): Promise<number> {
    this.refuseUnlessReady();
    if (!this.channel) throw new Error("RabbitMQ is not set up.");
    const began = performance.now();
    // It changes nothing, for nothing is consumed here; and it is answered.
    await this.channel.prefetch(0);
    return performance.now() - began;
  }

  private refuseUnlessReady(): void {
    if (!this.isReady) throw new Error(`RabbitMQ ${this.link.isUp ? "takes no messages" : "is away"}.`);
  }

  private async confirmed(publish: () => Promise<unknown>): Promise<void> {
    this.refuseUnlessReady();
    if (this.unconfirmed.size >= MOST_UNCONFIRMED) throw new Error("RabbitMQ is slow; too many messages wait for it.");
    this.link.gather();
    const publishing = publish();
    this.unconfirmed.add(publishing);
    await publishing.finally(() => this.unconfirmed.delete(publishing));
  }

  /** What was begun may still be confirmed, as long as there is a chance. */
  async close(): Promise<void> {
    if (this.isReady)
      await within(
        CLOSE_MS,
        Promise.allSettled(this.unconfirmed).then(() => {}),
      );
    await this.link.close();
  }
}
