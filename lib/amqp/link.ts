/**
 * One connection to RabbitMQ that comes back by itself: after a cut, after a frozen link (no heartbeat for two of them),
 * to the next URL of several. Channels on it are set up anew each time. It calls `changed` whenever `isUp` or `isBlocked`
 * may have changed.
 */
import type { Duplex } from "node:stream";
import { type AmqpConnectionManager, type ChannelWrapper, connect } from "amqp-connection-manager";
import type { Channel, ChannelModel, ConfirmChannel } from "amqplib";
import { maskUrl } from "../../config/config.ts";
import { within } from "../time-limit.ts";
import { CONNECT_TIMEOUT_MS } from "./start.ts";

/** Seconds. A link without a byte for two heartbeats is dead. A shorter one would mistake a long garbage collection for that. */
const HEARTBEAT = 5;
const RECONNECT = 1;
/** If a link does not close in time, its socket is dropped. RabbitMQ notices by itself. */
const CLOSE_MS = 1_000;

declare module "amqplib" {
  /** Its types leave out the socket, and the timer of its heartbeats. */
  interface Connection {
    readonly stream: Duplex;
    readonly heartbeater: { clear(): void } | null;
  }
}

export interface LinkOptions {
  urls: readonly string[];
  /** The name in RabbitMQ's list of connections. */
  name: string;
  logger: { info(text: string): void; warn(text: string): void };
  changed(): void;
  /** Counts a reconnect. The first connection does not count. */
  reconnected(): void;
}

export class AmqpLink {
  private readonly manager: AmqpConnectionManager;
  private readonly options: LinkOptions;
  private connection: ChannelModel | null = null;
  private isClosing = false;
  private isRefused = false;
  private wasUp = false;
  private isGathering = false;
  /** RabbitMQ is short of memory or disk and reads nothing that this link publishes. */
  isBlocked = false;

  constructor(options: LinkOptions) {
    this.options = options;
    this.manager = connect([...options.urls], {
      heartbeatIntervalInSeconds: HEARTBEAT,
      reconnectTimeInSeconds: RECONNECT,
      connectionOptions: {
        noDelay: true,
        timeout: CONNECT_TIMEOUT_MS,
        clientProperties: { connection_name: options.name },
      },
    });
    // The event's own connection is the same one, by a wrong type.
    this.manager.on("connect", ({ url }) => this.opened(this.manager.connection, String(url)));
    this.manager.on("disconnect", ({ err }) => this.lost(err));
    this.manager.on("connectFailed", ({ err }) => this.failed(err));
    this.manager.on("blocked", ({ reason }) => this.setBlocked(true, reason));
    this.manager.on("unblocked", () => this.setBlocked(false, ""));
  }

  get isUp(): boolean {
    return this.connection !== null;
  }

  /** A channel that is made and set up again after each reconnect, and also when it alone dies. */
  channel(setup: (channel: Channel) => Promise<void>): ChannelWrapper;
  channel(setup: (channel: ConfirmChannel) => Promise<void>, publishTimeout: number): ChannelWrapper;
  channel(setup: (channel: ConfirmChannel) => Promise<void>, publishTimeout?: number): ChannelWrapper {
    const confirm = publishTimeout !== undefined;
    const wrapper = this.manager.createChannel({
      confirm,
      ...(confirm ? { publishTimeout } : {}),
      setup: async (channel: ConfirmChannel) => {
        channel.on("error", (error: Error) =>
          this.options.logger.warn(`A channel of RabbitMQ failed: ${error.message}`),
        );
        channel.on("close", () => this.replaceChannels());
        await setup(channel);
      },
    });
    // A set-up that fails closes its channel, which is looked after above.
    wrapper.on("error", (error) => this.options.logger.warn(`Setting up RabbitMQ failed: ${error.message}`));
    return wrapper;
  }

  /** Makes a new channel soon. The manager makes channels only with a new connection, so a channel that died alone would stay dead. */
  replaceChannels(): void {
    const { connection } = this;
    const timer = setTimeout(() => {
      if (this.isClosing || connection === null || this.connection !== connection) return;
      this.manager.reconnect();
      // The channel has just lost all its listeners. An error without a listener would end the process.
      connection.on("error", () => {});
    }, RECONNECT * 1_000);
    timer.unref();
  }

  /**
   * What is sent in this turn of the loop goes out in one write: amqplib writes each message by itself, which costs more than
   * to make it, here and in RabbitMQ. It hands them to the socket in the turn's `setImmediate`, so this lets go in the next.
   */
  gather(): void {
    const { connection } = this;
    if (!connection || this.isGathering) return;
    const stream = socketOf(connection);
    this.isGathering = true;
    stream.cork();
    setImmediate(() =>
      setImmediate(() => {
        this.isGathering = false;
        stream.uncork();
      }),
    );
  }

  private opened(connection: ChannelModel | undefined, url: string): void {
    this.connection = connection ?? null;
    this.isRefused = false;
    if (this.wasUp) this.options.reconnected();
    this.wasUp = true;
    this.options.logger.info(`RabbitMQ is there (${maskUrl(url)}).`);
    this.options.changed();
  }

  private lost(error: Error | undefined): void {
    const { connection } = this;
    this.connection = null;
    this.isBlocked = false;
    if (connection) dropSocket(connection);
    if (this.isClosing) return;
    this.options.logger.warn(`RabbitMQ is gone (${error?.message ?? "closed"}); reconnecting.`);
    this.options.changed();
  }

  /** Logs once that RabbitMQ is away. A login that is refused now gets a line of its own. */
  private failed(error: Error): void {
    if (this.isRefused || !/ACCESS.REFUSED/.test(error.message)) return;
    this.isRefused = true;
    this.options.logger.warn("AMQP_URL: RabbitMQ refuses its user and password now; trying again.");
  }

  private setBlocked(isBlocked: boolean, reason: string): void {
    this.isBlocked = isBlocked;
    this.options.logger.warn(
      isBlocked ? `RabbitMQ takes no messages (${reason}); they wait.` : "RabbitMQ takes messages again.",
    );
    this.options.changed();
  }

  async close(): Promise<void> {
    this.isClosing = true;
    const { connection } = this;
    await within(CLOSE_MS, this.manager.close()).catch(() => {});
    this.connection = null;
    if (connection) dropSocket(connection);
  }
}

/** Destroys the socket: amqplib ends only its own half, so on a frozen link the other half would stay for ever. */
export function dropSocket(connection: ChannelModel): void {
  const stream = socketOf(connection);
  setTimeout(() => stream.destroy(), 100).unref();
}

const socketOf = ({ connection }: ChannelModel): Duplex => connection.stream;
