/**
 * Publishes to RabbitMQ: persistent messages, each done when it is confirmed, which means on the disks of a majority.
 * It buffers nothing: if RabbitMQ is away, blocked or too slow, it refuses the message, and the caller keeps it.
 */
import { randomUUID } from "node:crypto";
import type { ChannelWrapper } from "amqp-connection-manager";
import type { ConfirmChannel, Message } from "amqplib";
import type { Config } from "../../config/config.ts";
import type { MessageHeaders, QueueName } from "../queue/driver.ts";
import { within } from "../time-limit.ts";
import { AmqpLink, type LinkOptions } from "./link.ts";
import { declareAll, namesOf } from "./topology.ts";

/** A confirm takes a few ms. After this time RabbitMQ is considered stuck, and the sweep repeats the message. */
const PUBLISH_TIMEOUT_MS = 5_000;
/** How long a planned stop waits for confirms. Another node's sweep repeats the message after that. */
const CLOSE_MS = 1_000;
/** How many messages may wait for their confirm. More would only cost memory: RabbitMQ is slower than we are. */
const MOST_UNCONFIRMED = 1_000;

/** An event, and what RabbitMQ gets beside its body. */
export interface PublishedEvent {
  /** Its routing key. */
  type: string;
  id: string;
  headers?: MessageHeaders | undefined;
}

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
    this.wrapper = this.link.channel(async (channel: ConfirmChannel) => {
      // Messages of the last channel are sent again or given up, so its returns mean nothing any more.
      this.returned.clear();
      channel.on("return", ({ properties }: Message) => this.returned.add(properties.messageId as string));
      await declareAll(channel, config);
      this.channel = channel;
    }, PUBLISH_TIMEOUT_MS);
  }

  /** Whether publishing can succeed now. */
  get isReady(): boolean {
    return this.link.isUp && !this.link.isBlocked;
  }

  /** Resolves when publishing can succeed, or after a while in any case. */
  opened(): Promise<void> {
    return within(PUBLISH_TIMEOUT_MS, this.wrapper.waitForConnect());
  }

  /** Publishes to a work queue. `mandatory`: if the queue were gone, RabbitMQ would confirm and drop the message. */
  async toQueue(name: QueueName, payload: unknown, headers: MessageHeaders = {}): Promise<void> {
    const messageId = randomUUID();
    const { queue } = namesOf(this.config, name);
    const options = { persistent: true, mandatory: true, messageId, contentType: "application/json", headers };
    await this.confirmed(() => this.wrapper.sendToQueue(queue, Buffer.from(JSON.stringify(payload)), options));
    // RabbitMQ returns an unroutable message before it confirms it.
    if (!this.returned.delete(messageId)) return;
    this.link.replaceChannels();
    throw new Error(`The queue ${queue} is gone; it is made again.`);
  }

  /** Publishes to the exchange for events. Not mandatory: an event without a binding is no fault. */
  async toExchange(event: PublishedEvent, contentType: string, body: string): Promise<void> {
    const { type: routingKey, id: messageId, headers = {} } = event;
    const options = { persistent: true, messageId, contentType, type: routingKey, headers };
    const { eventsExchange } = this.config;
    await this.confirmed(() => this.wrapper.publish(eventsExchange, routingKey, Buffer.from(body), options));
  }

  /** A round trip on the publishing channel, in ms. Rejects if publishing cannot succeed. */
  async ping(): Promise<number> {
    this.refuseUnlessReady();
    if (!this.channel) throw new Error("RabbitMQ is not set up.");
    const began = performance.now();
    // `prefetch` changes nothing here, because this channel consumes nothing; but RabbitMQ answers it.
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

  /** Waits for open confirms, as long as they can come. */
  async close(): Promise<void> {
    if (this.isReady)
      await within(
        CLOSE_MS,
        Promise.allSettled(this.unconfirmed).then(() => {}),
      );
    await this.link.close();
  }
}
