import type { Service } from "moleculer";
import { configOf } from "../config/config.ts";
import type { AmqpPublisher } from "../lib/amqp/publisher.ts";
import { publishers } from "../lib/amqp/queue.ts";
import type { CloudEvent } from "../services/outbox/outbox.contract.ts";
import { define } from "./define.ts";

/** What a service finds on `this` with this mixin. */
export interface WithEvents {
  /** `body` is the event's JSON. Resolves when RabbitMQ has it safe, or where there is none. Rejects when it may not have it. */
  publishEvent(event: Pick<CloudEvent, "type" | "id">, body: string): Promise<void>;
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
    async publishEvent(this: Own, { type, id }: Pick<CloudEvent, "type" | "id">, body: string) {
      await this.publisher?.toExchange(type, id, "application/cloudevents+json", body);
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
