import type { MessageHeaders } from "../../lib/queue/driver.ts";
import type { MessageOf } from "../messages.ts";

type Token = MessageOf<"batch.ready">;
type Send = (token: Token, headers?: MessageHeaders) => Promise<void>;

/**
 * Sends tokens to the workers' queue. A token says "something may be ready", never "this batch"; a worker that takes it
 * looks for all ready batches. So while a token is being sent, all further requests share the next one: it leaves after
 * their commits, and that is enough. Each token costs RabbitMQ a write on the disks of a majority.
 */
export class Tokens {
  private readonly publish: Send;
  private current: Promise<void> | null = null;
  private next: Promise<void> | null = null;

  constructor(publish: Send) {
    this.publish = publish;
  }

  /**
   * Resolves when a token that left after this call is stored. Rejects if that is not certain, also if the token before it
   * failed: with a hanging RabbitMQ each token would wait for its timeout, one after another.
   */
  send(token: Token, headers?: MessageHeaders): Promise<void> {
    if (!this.current) return this.start(token, headers);
    this.next ??= this.current
      .finally(() => {
        this.next = null;
      })
      .then(() => this.start(token, headers));
    return this.next;
  }

  private start(token: Token, headers?: MessageHeaders): Promise<void> {
    const sent: Promise<void> = this.publish(token, headers).finally(() => {
      if (this.current === sent) this.current = null;
    });
    this.current = sent;
    return sent;
  }
}
