import type { ChannelModel } from "amqplib";
import { Transporters } from "moleculer";
import { within } from "../time-limit.ts";
import { dropSocket } from "./link.ts";
import { DroppedPackets, type EventFault, type Packet } from "./packets.ts";

/** How soon to reconnect. Others cannot call this node meanwhile, so it is not Moleculer's 5 s. */
const RECONNECT_MS = 1_000;
/** If a link does not close in time, its socket is dropped. RabbitMQ notices by itself. */
const CLOSE_MS = 1_000;
/** After an outage other nodes need time to reconnect: Moleculer's own transporter tries every 5 s. */
const SETTLE_MS = 10_000;
const NOT_FOUND = 404;

/**
 * Moleculer's AMQP transporter, with our own reconnect. Moleculer reconnects by a timer that cannot be cleared: a node
 * that stops between two tries would go on, and join the cluster again when RabbitMQ is back.
 */
export class AmqpTransporter extends Transporters.AMQP {
  private timer: NodeJS.Timeout | null = null;
  private isStopped = false;
  private readonly dropped: DroppedPackets;
  /** Monotonic time. A node without a consumer counts as gone after it. */
  private settledAt = 0;

  /** Events for which `eventFault` finds a fault are dropped. */
  constructor(options: object, eventFault: EventFault) {
    super(options);
    this.dropped = new DroppedPackets((line) => this.logger.warn(line), eventFault);
  }

  /** Never rejects. `onConnected` tells of the first connection, as of each later one. */
  override connect(): Promise<void> {
    this.isStopped = false;
    return this.attempt();
  }

  /** Drops broken packets. Moleculer would log each of them whole, and give a broken request back to its queue for ever. */
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
      // Its types lack the callback for a link that is lost later.
      await (super.connect as (lost: typeof again) => Promise<void>).call(this, again);
    } catch (error) {
      again(error as Error | undefined);
    }
    // The connection came after the stop.
    if (this.isStopped) await this.hangUp();
  }

  override async disconnect(): Promise<void> {
    this.isStopped = true;
    if (this.timer) clearTimeout(this.timer);
    const connection = this.connection as ChannelModel | null;
    await within(CLOSE_MS, Promise.resolve(super.disconnect()));
    if (connection) dropSocket(connection);
  }

  /** Sends nothing once the stop has begun: a heartbeat would find the channel closing, and nobody catches what its timer throws. */
  override send(...packet: Parameters<Transporters.Base["send"]>): Promise<void> {
    return this.isStopped ? Promise.resolve() : super.send(...packet);
  }

  override onConnected(wasReconnect?: boolean): Promise<void> {
    if (wasReconnect) this.settledAt = performance.now() + SETTLE_MS;
    return super.onConnected(wasReconnect);
  }

  /**
   * Whether a node's queue of requests has a consumer. RabbitMQ takes the consumer away as soon as the node's connection is
   * lost, so this knows of a killed node long before its heartbeats are missed. Null: unknown now.
   */
  async takesRequests(nodeID: string): Promise<boolean | null> {
    const connection = this.connection as ChannelModel | null;
    if (!connection || !this.connected || performance.now() < this.settledAt) return null;
    // A channel of its own: RabbitMQ closes a channel that asks for a queue which does not exist.
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
