import type { ChannelModel } from "amqplib";
import { Transporters } from "moleculer";
import { dropSocket, within } from "./amqp.link.ts";

/** Until then this node cannot be called by others: as soon as the links that publish and consume, not after Moleculer's 5 s. */
const RECONNECT_MS = 1_000;
/** A link that does not close in time is dropped: RabbitMQ finds out by itself. */
const CLOSE_MS = 1_000;

/**
 * Moleculer's transporter, which tries again by itself. Moleculer's own way is a timer that nobody can clear: a node that
 * is stopped between two tries would go on, and join the cluster once more when RabbitMQ is back.
 */
export class AmqpTransporter extends Transporters.AMQP {
  private timer: NodeJS.Timeout | null = null;
  private isStopped = false;

  /** Never rejects; the first connection is told by `onConnected`, like each later one. */
  override connect(): Promise<void> {
    this.isStopped = false;
    return this.attempt();
  }

  private async attempt(): Promise<void> {
    let isLost = false;
    const again = (error: Error | undefined) => {
      if (isLost || this.isStopped) return;
      isLost = true;
      this.logger.warn("No connection to RabbitMQ, it is tried again:", error?.message ?? "closed");
      this.timer = setTimeout(() => void this.attempt(), RECONNECT_MS);
    };
    try {
      // Its types leave out who hears of a link that is lost later.
      await (super.connect as (lost: typeof again) => Promise<void>).call(this, again);
    } catch (error) {
      again(error as Error | undefined);
    }
    // It came when nobody wanted it any more.
    if (this.isStopped) await this.hangUp();
  }

  override async disconnect(): Promise<void> {
    this.isStopped = true;
    if (this.timer) clearTimeout(this.timer);
    const connection = this.connection as ChannelModel | null;
    await within(CLOSE_MS, Promise.resolve(super.disconnect()));
    if (connection) dropSocket(connection);
  }

  private async hangUp(): Promise<void> {
    const connection = this.connection as { close(): Promise<void> } | null;
    await connection?.close().catch(() => {});
  }
}
