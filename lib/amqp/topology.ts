/** What DataFlow declares in RabbitMQ: its names and arguments, which no running system changes. */
import type { Channel, ChannelModel } from "amqplib";
import { type Config, ConfigError } from "../../config/config.ts";
import { type QueueName, queueNames } from "../queue/driver.ts";

/**
 * A message that was delivered this often goes to the dead-letter queue: it probably kills its consumers. It is set
 * explicitly, because RabbitMQ 4 has a limit of 20 by default and older versions have none.
 */
const DELIVERY_LIMIT = 20;
/** People look at the dead-letter queue. A flood of wrong messages must not fill the disk, so the oldest are dropped. */
const MOST_DEAD = 10_000;

export interface QueueNames {
  queue: string;
  dead: string;
  /** The setting that gives another name. */
  setting: string;
}

const settingOf: Record<QueueName, { setting: string; name: (config: Config) => string }> = {
  "batch.ready": { setting: "BATCH_READY_QUEUE", name: ({ batchReadyQueue }) => batchReadyQueue },
};

/** RabbitMQ's name of the queue that our code calls `name`. */
export function namesOf(config: Config, name: QueueName): QueueNames {
  const queue = settingOf[name].name(config);
  return { queue, dead: `${queue}.dead`, setting: settingOf[name].setting };
}

/** A durable, replicated queue, and the queue for its dead letters. */
export async function declareQueue(channel: Channel, { queue, dead }: QueueNames): Promise<void> {
  await channel.assertQueue(dead, {
    durable: true,
    arguments: { "x-queue-type": "quorum", "x-max-length": MOST_DEAD },
  });
  await channel.assertQueue(queue, {
    durable: true,
    deadLetterExchange: "",
    deadLetterRoutingKey: dead,
    arguments: { "x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT },
  });
}

export async function declareExchange(channel: Channel, exchange: string): Promise<void> {
  await channel.assertExchange(exchange, "topic", { durable: true });
}

/** Declares all that a publisher needs, so that its messages are not returned. */
export async function declareAll(channel: Channel, config: Config): Promise<void> {
  await declareExchange(channel, config.eventsExchange);
  for (const name of queueNames) await declareQueue(channel, namesOf(config, name));
}

/** Declares everything once. Throws ConfigError where something of that name exists and is not ours. */
export async function checkTopology(connection: ChannelModel, config: Config): Promise<void> {
  const { eventsExchange } = config;
  await tryOut(connection, "EVENTS_EXCHANGE", eventsExchange, (channel) => declareExchange(channel, eventsExchange));
  for (const name of queueNames) {
    const names = namesOf(config, name);
    await tryOut(connection, names.setting, names.queue, (channel) => declareQueue(channel, names));
  }
}

/** Uses a channel of its own, because RabbitMQ closes the channel of a refused declaration. */
async function tryOut(
  connection: ChannelModel,
  setting: string,
  name: string,
  declare: (channel: Channel) => Promise<void>,
): Promise<void> {
  const channel = await connection.createChannel();
  channel.on("error", () => {});
  try {
    await declare(channel);
    await channel.close();
  } catch (error) {
    throw conflict(setting, name, (error as Error).message) ?? error;
  }
}

/** 406: other arguments; 403: no permission, or reserved; 405: another connection's own. None of them goes away by itself. */
function conflict(setting: string, name: string, message: string): ConfigError | null {
  const said = /\b40[356] \([A-Z-]+\) with message "[A-Z_]+ - (.*)"/.exec(message)?.[1];
  if (!said) return null;
  // The message must name the queue to delete: RabbitMQ may mean the dead-letter queue.
  const refused = [`${name}.dead`, name].find((one) => said.includes(`'${one}'`)) ?? name;
  const expected = `a name that is free, or whose owner is DataFlow (delete "${refused}" in RabbitMQ or take another name)`;
  return new ConfigError([{ name: setting, expected, found: `"${refused}", which cannot be used as it is: ${said}` }]);
}
