/**
 * Durable work queues with the interface of moleculer-amqp-queue: a service declares `AMQPQueues`, and any service with the mixin
 * calls `this.addAMQPJob`. With AMQP_URL the queues are in RabbitMQ, otherwise in this process. Each message is checked by its
 * declaration when it is sent and when it is received.
 */
import type { Service } from "moleculer";
import { configOf } from "../config/config.ts";
import { AmqpQueues, countReconnects } from "../lib/amqp/queue.ts";
import { PerBroker } from "../lib/batching/per-broker.ts";
import type {
  Check,
  Consumption,
  Handle,
  MessageHeaders,
  QueueDriver,
  QueueHandler,
  QueueName,
} from "../lib/queue/driver.ts";
import { MemoryQueues } from "../lib/queue/memory.ts";
import { define, fields } from "./define.ts";

export { QUEUE_CHANGED } from "../lib/amqp/queue.ts";
export type { QueueChannel, QueueMessage } from "../lib/queue/driver.ts";

const drivers = new PerBroker<QueueDriver>(
  async (broker) => (configOf(broker).amqpUrls.length > 0 ? AmqpQueues.open(broker) : new MemoryQueues()),
  (driver) => driver.close(),
);

const declared = (service: Service) =>
  Object.entries((service.schema as { AMQPQueues?: Record<QueueName, QueueHandler> }).AMQPQueues ?? {}) as [
    QueueName,
    QueueHandler,
  ][];

/**
 * Gives a service `addAMQPJob`, and consumes the queues of its schema from `started` to `stopped`. `check` checks each payload
 * when it is sent and when it is received.
 */
export const queueMixinOf = <Payload>(check: Check<Payload>) =>
  define({
    state: fields<{ driver: QueueDriver; consumptions: Map<QueueName, Consumption> }>(),
    created() {
      this.consumptions = new Map();
      countReconnects(this.broker);
    },
    methods: {
      /**
       * Sends a message. Resolves when it is stored durably. Rejects if that is not certain, because RabbitMQ is away, blocked or
       * too slow.
       */
      async addAMQPJob(queue: QueueName, payload: Payload, headers?: MessageHeaders) {
        await this.driver.add(queue, check(queue, payload), headers);
      },
      /** Pauses a queue that this service consumes. A message in hand goes back to the queue for others. */
      async pauseAMQPQueue(queue: QueueName) {
        await this.consumptions.get(queue)?.pause();
      },
      async resumeAMQPQueue(queue: QueueName) {
        await this.consumptions.get(queue)?.resume();
      },
      /** Whether messages of a consumed queue can arrive. The local event QUEUE_CHANGED tells of changes. */
      isAMQPQueueUp(queue: QueueName) {
        return this.consumptions.get(queue)?.isUp ?? false;
      },
    },
    async started() {
      this.driver = await drivers.acquire(this.broker);
      for (const [name, handler] of declared(this)) {
        const handle: Handle = async (message, ack) => {
          try {
            await handler.call(this, { ack }, message);
          } catch (error) {
            this.logger.error(`The consumer of ${name} failed, its message goes back:`, error);
            throw error;
          }
        };
        this.consumptions.set(name, this.driver.consume(name, handle, check));
      }
    },
    async stopped() {
      await Promise.all([...this.consumptions.values()].map((consumption) => consumption.end()));
      await drivers.release(this.broker);
    },
  });
