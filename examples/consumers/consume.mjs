// Prints a line per event of DataFlow. AMQP_URL, EVENTS_EXCHANGE and QUEUE by the environment, what to hear of by the
// first argument: `node consume.mjs 'batch.*'`. Ends on SIGTERM; what was not acked comes again at the next start.
import amqp from "amqplib";

const { AMQP_URL = "amqp://localhost", EVENTS_EXCHANGE = "dataflow.events", QUEUE = "example.events" } = process.env;
const pattern = process.argv[2] ?? "#";

const connection = await amqp.connect(AMQP_URL);
const channel = await connection.createChannel();
process.once("SIGTERM", () => connection.close());

// Durable: it collects what happens while this program is away.
await channel.assertQueue(QUEUE, { durable: true, arguments: { "x-queue-type": "quorum" } });
await channel.bindQueue(QUEUE, EVENTS_EXCHANGE, pattern);
await channel.prefetch(10);

// At least once, so an event may come twice. A real consumer keeps this in its database, in the commit of its own work.
const seen = new Set();

await channel.consume(QUEUE, (message) => {
  if (!message) throw new Error(`The queue ${QUEUE} was deleted.`);
  const event = JSON.parse(message.content.toString());
  if (!seen.has(event.id)) console.log(event.type, event.subject, JSON.stringify(event.data));
  seen.add(event.id);
  channel.ack(message);
});
console.error(`Listening for ${pattern} …`);
