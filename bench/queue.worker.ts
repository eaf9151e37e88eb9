/**
 * The consumer of bench/queue.ts, in a process of its own. It reports when each message reached the handler's first
 * line.
 */
import { connect } from "amqplib";
import { ServiceBroker } from "moleculer";
import { loadConfig } from "../config/config.ts";
import { define } from "../mixins/define.ts";
import { brokerOptions } from "../moleculer.config.ts";
import { type QueueChannel, type QueueMessage, queueMixin } from "../services/messages.ts";

const [, , kind, namespace, url] = process.argv as [string, string, string, string, string];
const tell = (id: string) => process.send?.({ id, at: String(process.hrtime.bigint()) });

async function dataflow(): Promise<void> {
  const config = loadConfig({ AMQP_URL: url, NAMESPACE: namespace, LOG_LEVEL: "fatal" });
  const broker = new ServiceBroker({ ...brokerOptions(config), transporter: null });
  broker.createService(
    define({
      name: "worker",
      mixins: [queueMixin],
      AMQPQueues: {
        "batch.ready"(channel: QueueChannel, message: QueueMessage) {
          tell((message.content as { batchId: string }).batchId);
          channel.ack(message);
        },
      },
    }),
  );
  await broker.start();
}

async function bare(): Promise<void> {
  const connection = await connect(url, { noDelay: true });
  const channel = await connection.createChannel();
  const queue = `${namespace}.bare`;
  await channel.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "quorum" } });
  await channel.prefetch(1);
  await channel.consume(queue, (message) => {
    if (!message) return;
    tell((JSON.parse(message.content.toString()) as { batchId: string }).batchId);
    channel.ack(message);
  });
}

await (kind === "bare" ? bare() : dataflow());
process.once("disconnect", () => process.exit(0));
process.send?.({ id: "ready", at: "0" });
