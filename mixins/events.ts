import { configOf } from "../config/config.ts";
import type { AmqpPublisher, PublishedEvent } from "../lib/amqp/publisher.ts";
import { publishers } from "../lib/amqp/queue.ts";
import { define, fields } from "./define.ts";

/** Publishes events to the exchange for other systems (EVENTS_EXCHANGE): CloudEvents 1.0 in structured JSON, routed by type. */
export const eventsMixin = define({
  state: fields<{ publisher: AmqpPublisher | null }>(),
  created() {
    this.publisher = null;
  },
  methods: {
    /** Publishes the event's JSON. Resolves when RabbitMQ has stored it, or without RabbitMQ at once. Rejects if that is not certain. */
    async publishEvent(event: PublishedEvent, body: string) {
      await this.publisher?.toExchange(event, "application/cloudevents+json", body);
    },
    /** Whether publishing can succeed now: RabbitMQ is connected and accepts messages. */
    canPublish() {
      return this.publisher?.isReady ?? true;
    },
    /** Measures a round trip to RabbitMQ in ms. Null without RabbitMQ. Rejects while RabbitMQ is away or accepts no messages. */
    async pingRabbit() {
      return this.publisher ? this.publisher.ping() : null;
    },
  },
  async started() {
    if (configOf(this.broker).amqpUrls.length > 0) this.publisher = await publishers.acquire(this.broker);
  },
  async stopped() {
    if (this.publisher) await publishers.release(this.broker);
  },
});
