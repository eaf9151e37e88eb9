/** The RabbitMQ of the tests, and the removal of what they leave in it. */
import { connect } from "amqplib";
import { type Config, loadConfig } from "../../config/config.ts";
import { canRun, lackOf, urlOf } from "./servers.ts";
import { ADMIN_TOKEN } from "./system.ts";

export const rabbitUrl = urlOf("rabbit");

/** Runs a suite if there is a RabbitMQ. Otherwise it is skipped; with CI=true that is an error. */
export const describeWithRabbit = (name: string, tests: () => void): void =>
  (canRun(name, [lackOf("rabbit")]) ? describe : describe.skip)(name, tests);

/** The host and port of RabbitMQ, for a proxy in front. */
export const rabbitTarget = { host: new URL(rabbitUrl).hostname, port: Number(new URL(rabbitUrl).port || 5672) };

/** The URL of RabbitMQ with some parts replaced. */
export function rabbitUrlWith(change: (url: URL) => void): string {
  const url = new URL(rabbitUrl);
  change(url);
  return url.href;
}

/** The URL of RabbitMQ through a proxy on `port`. `heartbeat` is in seconds. */
export const rabbitUrlAt = (port: number, heartbeat = 5): string =>
  rabbitUrlWith((url) => {
    url.host = `127.0.0.1:${port}`;
    url.searchParams.set("heartbeat", String(heartbeat));
  });

let spaces = 0;

/** A namespace that no other test uses. */
export const newNamespace = (): string => `test-${process.pid}-${Date.now().toString(36)}-${++spaces}`;

export function configFor(namespace: string, env: Record<string, string> = {}): Config {
  return loadConfig({ AMQP_URL: rabbitUrl, NAMESPACE: namespace, ADMIN_TOKEN, LOG_LEVEL: "fatal", ...env });
}

const PACKETS = ["EVENT", "REQ", "RES", "DISCOVER", "INFO", "DISCONNECT", "HEARTBEAT", "PING", "PONG"];

/** Deletes all that brokers of a namespace leave in RabbitMQ, except the nodes' own queues, which expire. */
export async function removeNamespace(namespace: string, nodeIds: string[] = []): Promise<void> {
  const { batchReadyQueue, eventsExchange } = configFor(namespace);
  const connection = await connect(rabbitUrl);
  const channel = await connection.createChannel();
  for (const queue of [batchReadyQueue, `${batchReadyQueue}.dead`]) await channel.deleteQueue(queue);
  for (const packet of PACKETS) {
    for (const nodeId of nodeIds) await channel.deleteQueue(`MOL-${namespace}.${packet}.${nodeId}`);
    await channel.deleteExchange(`MOL-${namespace}.${packet}`);
  }
  await channel.deleteExchange(eventsExchange);
  await connection.close();
}

/** How many workers consume the queue of tokens. */
export async function consumersOf(namespace: string): Promise<number> {
  const connection = await connect(rabbitUrl);
  const channel = await connection.createChannel();
  const { consumerCount } = await channel.checkQueue(configFor(namespace).batchReadyQueue);
  await connection.close();
  return consumerCount;
}
