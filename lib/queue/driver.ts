/** The interface between the queue mixin and its driver: memory, or RabbitMQ. */

/** The work queues. What their messages hold is in the contract of the service that consumes them. */
export const queueNames = ["batch.ready"] as const;
export type QueueName = (typeof queueNames)[number];

export interface QueueMessage {
  /** The payload, as it was added and checked. */
  content: unknown;
}

export interface QueueChannel {
  /** Ends this message; the next one may come. */
  ack(message: QueueMessage): void;
}
/** What tells of a message besides its payload: the trace that it belongs to. */
export type MessageHeaders = Readonly<Record<string, string>>;

/** A throw gives the message back. After 20 deliveries it becomes a dead letter. */
export type QueueHandler = (channel: QueueChannel, message: QueueMessage) => unknown;

/** Returns the payload of a message if it is what the queue declares. Throws with its faults otherwise. */
export type Check<Payload = unknown> = (name: QueueName, payload: unknown) => Payload;

/** Handles one message. `ack` ends it; a rejection gives it back. */
export type Handle = (message: QueueMessage, ack: () => void) => Promise<void>;

/** A consumer of a queue. It holds one message at a time. */
export interface Consumption {
  /** Stops deliveries and gives the held message back. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  end(): Promise<void>;
  /** Whether messages can arrive. */
  readonly isUp: boolean;
}

export interface QueueDriver {
  /** Resolves when the message is stored safely. Rejects if that is not certain. */
  add(name: QueueName, payload: unknown, headers?: MessageHeaders): Promise<void>;
  consume(name: QueueName, handle: Handle, check: Check): Consumption;
  close(): Promise<void>;
}
