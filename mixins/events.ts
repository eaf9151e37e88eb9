import type { Service } from "moleculer";
import { configOf } from "../config.ts";
import type { CloudEvent } from "../services/outbox/outbox.contract.ts";
import type { AmqpPublisher } from "./amqp.publisher.ts";
import { define } from "./define.ts";
import { publishers } from "./queue.amqp.ts";

/** What a service finds on `this` with this mixin. */
export interface WithEvents {
  /** Resolves when RabbitMQ has the event safe, or where there is none. Rejects when it may not have it. */
  publishEvent(event: CloudEvent): Promise<void>;
  /** Whether publishing has a chance now: RabbitMQ is there, and takes messages. */
  canPublish(): boolean;
  /** A round trip to RabbitMQ, in ms; null: there is none. Rejects while it is away or takes no messages. */
  pingRabbit(): Promise<number | null>;
}

interface Own {
  publisher: AmqpPublisher | null;
}

/** Gives a service the exchange where outsiders bind (EVENTS_EXCHANGE): CloudEvents 1.0 in structured JSON, by type. */
export const eventsMixin = define<Service & Own>({
  created(this: Own) {
    this.publisher = null;
  },
  methods: {
    async publishEvent(this: Own, event: CloudEvent) {
      await this.publisher?.toExchange(event.type, event.id, "application/cloudevents+json", JSON.stringify(event));
    },
    canPublish(this: Own) {
      return this.publisher?.isReady ?? true;
    },
    async pingRabbit(this: Own) {
      return this.publisher ? this.publisher.ping() : null;
    },
  },
  async started(this: Service & Own) {
    if (configOf(this.broker).amqpUrls.length > 0) this.publisher = await publishers.acquire(this.broker);
  },
  async stopped(this: Service & Own) {
    if (this.publisher) await publishers.release(this.broker);
  },
});
