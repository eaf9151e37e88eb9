/**
 * Checks RabbitMQ before a node starts. Moleculer and amqp-connection-manager would retry a wrong login, or a
 * queue that exists with other arguments, for ever. So one plain connection looks first. A fault that retrying cannot
 * fix ends the start with the name of the setting to change. A RabbitMQ that is away is waited for.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type ChannelModel, connect } from "amqplib";
import type { Middleware, ServiceBroker } from "moleculer";
import { ConfigError, configOf, maskUrl } from "../../config/config.ts";
import { isUntrusted, otherServerAt, TRUST } from "../net/server-kind.ts";
import { inTime } from "../time-limit.ts";
import { checkTopology } from "./topology.ts";

/** How often a log line says what the start waits for. */
const RETRY_MS = 3_000;
/** A server that accepts the connection and then sends nothing counts as away. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** If a link does not close in time, its socket is dropped. RabbitMQ notices by itself. */
const CLOSE_MS = 1_000;

/** Runs `work` on the first RabbitMQ that answers, and closes the connection. Throws ConfigError when none will ever do. */
export async function withRabbit<T>(
  urls: readonly string[],
  logger: { warn(text: string): void },
  work: (connection: ChannelModel) => Promise<T>,
): Promise<T> {
  for (;;) {
    const reasons: string[] = [];
    for (const url of urls) {
      try {
        return await once(url, work);
      } catch (error) {
        if (error instanceof ConfigError) throw error;
        const stranger = await otherServerAt(url);
        if (stranger) throw fault(`${stranger.expected} at ${maskUrl(url)}`, stranger.found);
        reasons.push(`${maskUrl(url)}: ${(error as Error).message}`);
      }
    }
    logger.warn(`RabbitMQ is away, the start waits for it (${reasons.join("; ")}).`);
    await delay(RETRY_MS);
  }
}

async function once<T>(url: string, work: (connection: ChannelModel) => Promise<T>): Promise<T> {
  const connection = await connect(url, { timeout: CONNECT_TIMEOUT_MS }).catch((error: Error) => {
    throw refusal(url, error) ?? error;
  });
  // A lost connection fails the call in progress. Without this listener it would end the process.
  connection.on("error", () => {});
  // amqplib never settles a call, or a close, that a link takes with it at the wrong moment. Nothing would keep the
  // process then, and its start would end without a word.
  try {
    return await inTime(CONNECT_TIMEOUT_MS, work(connection));
  } finally {
    await inTime(CLOSE_MS, connection.close()).catch(() => {});
    drop(connection);
  }
}

/** If RabbitMQ does not answer the close, amqplib keeps the socket and its heartbeat. */
function drop({ connection }: ChannelModel): void {
  connection.heartbeater?.clear();
  connection.stream.destroy();
}

const fault = (expected: string, found: string) => new ConfigError([{ name: "AMQP_URL", expected, found }]);

/** Faults that retrying cannot fix. RabbitMQ closes the connection if the virtual host is missing or not for this user. */
function refusal(url: string, { message, code }: NodeJS.ErrnoException): ConfigError | null {
  if (isUntrusted(code))
    return fault(`RabbitMQ at ${maskUrl(url)} with a certificate that is trusted (${TRUST})`, `${code}`);
  if (/ACCESS.REFUSED/.test(message))
    return fault(`a user and password that RabbitMQ at ${maskUrl(url)} accepts`, "a login that it refuses");
  if (/got <ConnectionClose|NOT.ALLOWED/.test(message))
    return fault("a virtual host that exists and is open to its user", `none at ${maskUrl(url)}`);
  return null;
}

/** Runs before everything else of a node: RabbitMQ answers, accepts the login, and has our queues or can make them. */
export const rabbitMiddleware: Middleware = {
  name: "Rabbit",
  async starting(broker: ServiceBroker) {
    const config = configOf(broker);
    if (config.amqpUrls.length === 0) return;
    await withRabbit(config.amqpUrls, broker.getLogger("rabbit"), (connection) => checkTopology(connection, config));
  },
};
