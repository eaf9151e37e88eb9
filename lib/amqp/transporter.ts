import type { ChannelModel } from "amqplib";
import { Transporters } from "moleculer";
import { dropSocket, within } from "./link.ts";
import { DroppedPackets, type Packet } from "./packets.ts";

/** Until then this node cannot be called by others: as soon as the links that publish and consume, not after Moleculer's 5 s. */
const RECONNECT_MS = 1_000;
/** A link that does not close in time is dropped: RabbitMQ finds out by itself. */
const CLOSE_MS = 1_000;
/** After RabbitMQ was away other nodes need their time to be back: Moleculer's own way tries every 5 s. */
const SETTLE_MS = 10_000;
const NOT_FOUND = 404;

/**
 * Moleculer's transporter, which tries again by itself. Moleculer's own way is a timer that nobody can clear: a node that
 * is stopped between two tries would go on, and join the cluster once more when RabbitMQ is back.
 */
export class AmqpTransporter extends Transporters.AMQP {
  private timer: NodeJS.Timeout | null = null;
  private isStopped = false;
  private readonly dropped = new DroppedPackets((line) => this.logger.warn(line));
  /** On the monotonic clock: from then on a node that takes no requests is gone. */
  private settledAt = 0;

  /** Never rejects; the first connection is told by `onConnected`, like each later one. */
  override connect(): Promise<void> {
    this.isStopped = false;
    return this.attempt();
  }

  /** What cannot be handled is dropped here: Moleculer would log it whole, each time, and give a broken request back to its queue for ever. */
  override async incomingMessage(type: string, message?: Buffer): Promise<void> {
    const packet = message && this.read(type, message);
    if (packet && this.dropped.admits(packet, this.broker.PROTOCOL_VERSION))
      await this.transit.messageHandler(type, packet);
  }

  private read(type: string, message: Buffer): Packet | null {
    try {
      return this.deserialize(type, message);
    } catch (error) {
      this.dropped.malformed(type, (error as Error).message);
      return null;
    }
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

  override onConnected(wasReconnect?: boolean): Promise<void> {
    if (wasReconnect) this.settledAt = performance.now() + SETTLE_MS;
    return super.onConnected(wasReconnect);
  }

  /**
   * Whether a node's queue of requests has a consumer. RabbitMQ takes the consumer away as soon as the node's connection is
   * lost, so this knows of a killed node long before its heartbeats are missed. Null: it cannot be told now.
   */
  async takesRequests(nodeID: string): Promise<boolean | null> {
    const connection = this.connection as ChannelModel | null;
    if (!connection || !this.connected || performance.now() < this.settledAt) return null;
    // Of its own: RabbitMQ closes the channel that asks for a queue which is not there.
    const channel = await connection.createChannel();
    channel.on("error", () => {});
    try {
      const { consumerCount } = await channel.checkQueue(this.getTopicName("REQ", nodeID));
      await channel.close();
      return consumerCount > 0;
    } catch (error) {
      return (error as { code?: number }).code === NOT_FOUND ? false : null;
    }
  }

  private async hangUp(): Promise<void> {
    const connection = this.connection as { close(): Promise<void> } | null;
    await connection?.close().catch(() => {});
  }
}
