/**
 * A node in a process of its own. It reports each message to its parent, and acknowledges it unless the parent tells it to hold.
 */
import { ServiceBroker } from "moleculer";
import { define } from "../../../mixins/define.ts";
import { brokerOptions } from "../../../moleculer.config.ts";
import { type QueueChannel, type QueueMessage, queueMixin } from "../../../services/messages.ts";
import { configFor } from "../../helpers/amqp.ts";

const [, , namespace, mode] = process.argv as [string, string, string, "ack" | "hold"];
const broker = new ServiceBroker({ ...brokerOptions(configFor(namespace)), nodeID: `node-${process.pid}` });
broker.createService(
  define({
    name: "worker",
    mixins: [queueMixin],
    AMQPQueues: {
      "batch.ready"(channel: QueueChannel, message: QueueMessage) {
        process.send?.((message.content as { batchId: string }).batchId);
        if (mode === "ack") channel.ack(message);
      },
    },
  }),
);
broker.start().then(() => process.send?.("ready"));
process.once("disconnect", () => void broker.stop().finally(() => process.exit(0)));
