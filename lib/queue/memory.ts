/**
 * Work queues in memory, for a system of one process. Their messages are lost with the process, so a poll must make up
 * for each of them.
 */
import type { Consumption, Handle, QueueDriver, QueueMessage, QueueName } from "./driver.ts";

/** The most messages of a queue; further ones drop the oldest. Without a worker on this node they would pile up. */
const MOST_WAITING = 1_000;

/** A message that has failed this often is dropped, as with RabbitMQ. */
const DELIVERY_LIMIT = 20;

interface Waiting extends QueueMessage {
  failures: number;
}

class MemoryQueue implements Consumption {
  readonly isUp = true;
  private readonly waiting: Waiting[] = [];
  private handle: Handle | null = null;
  private isPaused = false;
  private held: Waiting | null = null;

  add(content: unknown): void {
    this.waiting.push({ content, failures: 0 });
    if (this.waiting.length > MOST_WAITING) this.waiting.shift();
    this.deliver();
  }

  consume(handle: Handle): Consumption {
    this.handle = handle;
    this.isPaused = false;
    this.deliver();
    return this;
  }

  async pause(): Promise<void> {
    this.isPaused = true;
    // A copy: a late ack belongs to the earlier delivery, not to this one.
    if (this.held) this.waiting.unshift({ ...this.held });
    this.held = null;
  }

  async resume(): Promise<void> {
    this.isPaused = false;
    this.deliver();
  }

  async end(): Promise<void> {
    await this.pause();
    this.handle = null;
  }

  private deliver(): void {
    if (!this.handle || this.isPaused || this.held) return;
    const message = this.waiting.shift();
    if (!message) return;
    this.held = message;
    const { handle } = this;
    setImmediate(() => {
      // The consumer was paused meanwhile, and the message waits again.
      if (this.held === message) handle(message, () => this.settle(message)).catch(() => this.giveBack(message));
    });
  }

  private settle(message: Waiting): void {
    if (this.held !== message) return;
    this.held = null;
    this.deliver();
  }

  /** Puts it behind the others, so that a message that always fails holds up none. */
  private giveBack(message: Waiting): void {
    const failures = message.failures + 1;
    if (this.held === message && failures < DELIVERY_LIMIT) this.waiting.push({ ...message, failures });
    this.settle(message);
  }
}

export class MemoryQueues implements QueueDriver {
  private readonly queues = new Map<QueueName, MemoryQueue>();

  async add(name: QueueName, payload: unknown): Promise<void> {
    this.queue(name).add(payload);
  }

  consume(name: QueueName, handle: Handle): Consumption {
    return this.queue(name).consume(handle);
  }

  async close(): Promise<void> {
    this.queues.clear();
  }

  private queue(name: QueueName): MemoryQueue {
    const queue = this.queues.get(name) ?? new MemoryQueue();
    this.queues.set(name, queue);
    return queue;
  }
}
