/**
 * One consumer of a work queue, one message at a time (prefetch 1), over cuts and reconnects.
 * Modes: consuming ⇄ paused, then ended; only `pause`, `resume` and `end` change them, one after the other, and a new
 * channel goes by the mode that it finds. A message is settled on the channel that delivered it, or not at all: after a
 * reconnect its number means another message, and RabbitMQ delivers it again anyway.
 */
import type { ChannelWrapper } from "amqp-connection-manager";
import type { Channel, ConsumeMessage } from "amqplib";
import { oneLine } from "../log/logger.ts";
import type { Consumption, QueueMessage } from "../queue/driver.ts";
import { inTime, within } from "../time-limit.ts";
import type { AmqpLink } from "./link.ts";
import { declareQueue, type QueueNames } from "./topology.ts";

const LONGEST_FAULT = 200;
const CANCEL_MS = 2_000;
const END_MS = 3_000;
/** A publish that is confirmed later than this leaves two messages instead of one. */
const GIVE_BACK_MS = 1_000;

export interface ConsumerParts {
  link: AmqpLink;
  names: QueueNames;
  /** Parses and checks a message. Throws if it is wrong. */
  read(content: Buffer): unknown;
  /** Handles a payload. Rejects if the handler failed. */
  handle(message: QueueMessage, ack: () => void): Promise<void>;
  /** Whether publishing works here. If not, RabbitMQ probably refuses publishers everywhere, so treat the queue as down and poll. */
  canPublish(): boolean;
  /** Publishes a payload to the same queue, with a confirm. */
  publishAgain(payload: unknown): Promise<void>;
  logger: { warn(text: string): void };
}

/** A message that is neither acked nor given back yet. */
interface Held {
  channel: Channel;
  delivery: ConsumeMessage;
  message: QueueMessage;
}

export class AmqpConsumer implements Consumption {
  private readonly parts: ConsumerParts;
  private readonly wrapper: ChannelWrapper;
  private mode: "consuming" | "paused" | "ended" = "consuming";
  private channel: Channel | null = null;
  private tag: string | null = null;
  private held: Held | null = null;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(parts: ConsumerParts) {
    this.parts = parts;
    this.wrapper = parts.link.channel((channel) => this.inTurn(() => this.setUp(channel)));
  }

  get isUp(): boolean {
    return this.parts.link.isUp && this.channel !== null && this.parts.canPublish();
  }

  /** Stops deliveries. Publishes the held message again, so that others can take it. */
  pause(): Promise<void> {
    return this.change("consuming", "paused", () => this.stop());
  }

  resume(): Promise<void> {
    return this.change("paused", "consuming", () => this.start());
  }

  async end(): Promise<void> {
    // A dying link may lose the answer of `pause` or `close`. That must not keep a node from stopping.
    await within(
      END_MS,
      this.change("consuming", "paused", () => this.stop()),
    ).catch(() => {});
    this.mode = "ended";
    // The link is closed next, and its close waits for the channel.
    void this.wrapper.close().catch(() => {});
  }

  private change(from: typeof this.mode, to: typeof this.mode, step: () => Promise<void>): Promise<void> {
    return this.inTurn(async () => {
      if (this.mode !== from) return;
      this.mode = to;
      await step();
    });
  }

  private inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.turn.then(step);
    this.turn = done.catch(() => {});
    return done;
  }

  private async setUp(channel: Channel): Promise<void> {
    this.channel = channel;
    this.tag = null;
    this.held = null;
    channel.on("close", () => {
      if (this.channel === channel) this.channel = null;
    });
    await channel.prefetch(1);
    await declareQueue(channel, this.parts.names);
    if (this.mode === "consuming") await this.start();
  }

  private async start(): Promise<void> {
    const { channel } = this;
    if (!channel) return;
    const deliver = (delivery: ConsumeMessage | null) => this.deliver(channel, delivery);
    this.tag = (await channel.consume(this.parts.names.queue, deliver)).consumerTag;
  }

  private async stop(): Promise<void> {
    const { channel, tag } = this;
    this.tag = null;
    // A closed channel delivers nothing more, and a frozen link must not hold up a stop.
    if (channel && tag) await within(CANCEL_MS, channel.cancel(tag)).catch(() => {});
    if (this.held) await this.giveBack(this.held);
  }

  private deliver(channel: Channel, delivery: ConsumeMessage | null): void {
    // RabbitMQ cancelled the consumer: the queue was deleted, or its leader moved. A new channel declares it and consumes again.
    if (!delivery) return void this.parts.link.replaceChannels();
    const message = this.readable(channel, delivery);
    if (!message) return;
    const held: Held = { channel, delivery, message };
    this.held = held;
    // A cancelled consumer may still get a message. `stop` waits for the cancel and gives it back.
    if (this.mode !== "consuming") return;
    const ack = () => this.settle(held, () => channel.ack(delivery));
    this.parts.handle(message, ack).catch(() => this.settle(held, () => channel.nack(delivery, false, true)));
  }

  /** The message, if it can be read. Null: it was wrong and is a dead letter now. */
  private readable(channel: Channel, delivery: ConsumeMessage): QueueMessage | null {
    try {
      return { content: this.parts.read(delivery.content) };
    } catch (error) {
      const { queue, dead } = this.parts.names;
      const fault = oneLine((error as Error).message, LONGEST_FAULT);
      this.parts.logger.warn(`A message of ${queue} is wrong and goes to ${dead}: ${fault}`);
      channel.nack(delivery, false, false);
      return null;
    }
  }

  /**
   * Gives a message back as a new one. A plain `nack` counts towards the delivery limit, so a good message would
   * end as a dead letter. Publish first, then ack: a crash between the two doubles the message, and loses none.
   */
  private async giveBack(held: Held): Promise<void> {
    try {
      await inTime(GIVE_BACK_MS, this.parts.publishAgain(held.message.content));
      this.settle(held, () => held.channel.ack(held.delivery));
    } catch {
      this.settle(held, () => held.channel.nack(held.delivery, false, true));
    }
  }

  private settle(held: Held, step: () => void): void {
    if (this.held !== held) return;
    this.held = null;
    try {
      step();
    } catch {
      // The channel is gone: RabbitMQ delivers the message again.
    }
  }
}
