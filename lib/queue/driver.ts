/** What the queue mixin needs of whatever carries the messages: this process, or RabbitMQ. */
import type { QueueName } from "../../services/contracts.ts";

export interface QueueMessage {
  /** The payload, as it was added and checked. */
  content: unknown;
}

export interface QueueChannel {
  /** Done with it: the next one may come. */
  ack(message: QueueMessage): void;
}
/** A throw gives the message back; after 20 times it is a dead letter. */
export type QueueHandler = (channel: QueueChannel, message: QueueMessage) => unknown;

/** Handles one message; done with it when `ack` is called, and given back when it rejects. */
export type Handle = (message: QueueMessage, ack: () => void) => Promise<void>;

/** A consumer of a queue. It holds one message at a time. */
export interface Consumption {
  /** Deliveries stop, and the held message goes back for others. Nothing is held afterwards. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  end(): Promise<void>;
  /** Whether messages can come in. */
  readonly isUp: boolean;
}

export interface QueueDriver {
  /** Resolves when the message is safe; rejects when it may not be. */
  add(name: QueueName, payload: unknown): Promise<void>;
  consume(name: QueueName, handle: Handle): Consumption;
  close(): Promise<void>;
}
