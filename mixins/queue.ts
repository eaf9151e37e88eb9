/**
 * Durable work queues by the contract of moleculer-amqp-queue: a service declares `AMQPQueues`, any service with the
 * mixin calls `this.addAMQPJob`. This is the in-process implementation: it serves where one process is the whole system,
 * and what it holds is gone with the process, so every message must be one that a poll makes up for.
 */
import type { Service, ServiceBroker } from "moleculer";
import { define } from "./define.ts";

export interface QueueMessage {
  content: unknown;
}
export interface QueueChannel {
  /** Done with it: the next one may come. */
  ack(message: QueueMessage): void;
}
export type QueueHandler = (this: Service, channel: QueueChannel, message: QueueMessage) => void | Promise<void>;

/** What a service finds on `this` with this mixin. */
export interface WithQueue {
  addAMQPJob(queue: string, payload: unknown): Promise<void>;
}

/** Beyond it the oldest goes: where nobody consumes (no worker on this node), messages must not pile up. */
const MOST_WAITING = 1_000;

class MemoryQueue {
  private readonly waiting: QueueMessage[] = [];
  private consumer: ((message: QueueMessage) => void) | null = null;
  private held: QueueMessage | null = null;

  add(content: unknown): void {
    this.waiting.push({ content });
    if (this.waiting.length > MOST_WAITING) this.waiting.shift();
    this.deliver();
  }

  /** What the consumer before had not acknowledged comes again. */
  consume(consumer: ((message: QueueMessage) => void) | null): void {
    this.consumer = consumer;
    if (this.held) this.waiting.unshift({ ...this.held });
    this.held = null;
    this.deliver();
  }

  ack(message: QueueMessage): void {
    if (this.held !== message) return;
    this.held = null;
    this.deliver();
  }

  private deliver(): void {
    if (!this.consumer || this.held) return;
    const message = this.waiting.shift();
    if (!message) return;
    this.held = message;
    setImmediate(() => {
      if (this.held === message) this.consumer?.(message);
    });
  }
}

const queues = new WeakMap<ServiceBroker, Map<string, MemoryQueue>>();

function queueOf(broker: ServiceBroker, name: string): MemoryQueue {
  const named = queues.get(broker) ?? new Map<string, MemoryQueue>();
  queues.set(broker, named);
  const queue = named.get(name) ?? new MemoryQueue();
  named.set(name, queue);
  return queue;
}

const declared = (service: Service): [string, QueueHandler][] =>
  Object.entries((service.schema as { AMQPQueues?: Record<string, QueueHandler> }).AMQPQueues ?? {});

/** Gives a service `addAMQPJob`, and consumes the queues that its schema declares from `started` to `stopped`. */
export const queueMixin = define<Service>({
  methods: {
    async addAMQPJob(this: Service, queue: string, payload: unknown) {
      queueOf(this.broker, queue).add(payload);
    },
  },
  async started(this: Service) {
    for (const [name, handler] of declared(this)) {
      const queue = queueOf(this.broker, name);
      const channel: QueueChannel = { ack: (message) => queue.ack(message) };
      queue.consume(async (message) => {
        try {
          await handler.call(this, channel, message);
        } catch (error) {
          this.logger.error(`The consumer of ${name} failed:`, error);
          queue.ack(message);
        }
      });
    }
  },
  async stopped(this: Service) {
    for (const [name] of declared(this)) queueOf(this.broker, name).consume(null);
  },
});
