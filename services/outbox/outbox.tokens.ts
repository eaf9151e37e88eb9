import type { MessageOf } from "../messages.ts";

type Token = MessageOf<"batch.ready">;
type Send = (token: Token) => Promise<void>;

/**
 * Tokens on their way to the workers' queue. One says "something may be ready", never "this batch", and whoever takes it
 * looks for all there is. So while one is on its way, all that ask for another share the next: it leaves after their
 * commits, and that is what matters. Each would be a write on the disks of a majority by itself.
 */
export class Tokens {
  private readonly publish: Send;
  private current: Promise<void> | null = null;
  private next: Promise<void> | null = null;

  constructor(publish: Send) {
    this.publish = publish;
  }

  /**
   * Resolves when a token that left after this call is safe; rejects when it may not be, also when the one before it was
   * not: a RabbitMQ that hangs would let each wait for its time to be over, one after the other.
   */
  send(token: Token): Promise<void> {
    if (!this.current) return this.start(token);
    this.next ??= this.current
      .finally(() => {
        this.next = null;
      })
      .then(() => this.start(token));
    return this.next;
  }

  private start(token: Token): Promise<void> {
    const sent: Promise<void> = this.publish(token).finally(() => {
      if (this.current === sent) this.current = null;
    });
    this.current = sent;
    return sent;
  }
}
