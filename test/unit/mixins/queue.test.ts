import type { Service, ServiceBroker } from "moleculer";
import { define } from "../../../mixins/define.ts";
import {
  type QueueChannel,
  type QueueHandler,
  type QueueMessage,
  queueMixin,
  type WithQueue,
} from "../../../mixins/queue.ts";
import { startBroker } from "../contracts/kit.ts";

const worker = (handler: QueueHandler) =>
  define<Service>({ name: "worker", mixins: [queueMixin], AMQPQueues: { work: handler } });
const sender = define<Service>({ name: "sender", mixins: [queueMixin] });

const send = (broker: ServiceBroker, payload: unknown, queue = "work") =>
  (broker.getLocalService("sender") as unknown as WithQueue).addAMQPJob(queue, payload);

/** Lets everything run that is due now. */
const settled = async () => {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
};

let broker: ServiceBroker;
let stop: () => Promise<void>;
let got: unknown[];
let held: { channel: QueueChannel; message: QueueMessage }[];
const hold: QueueHandler = (channel, message) => {
  got.push(message.content);
  held.push({ channel, message });
};
const ack = () => {
  const { channel, message } = held.shift() as (typeof held)[number];
  channel.ack(message);
};

beforeEach(async () => {
  got = [];
  held = [];
  ({ broker, stop } = await startBroker(sender, worker(hold)));
});
afterEach(() => stop());

test("messages come in order, the next one only after the last was acknowledged", async () => {
  for (const payload of ["a", "b", "c"]) await send(broker, payload);
  await settled();
  expect(got).toEqual(["a"]);
  ack();
  await settled();
  expect(got).toEqual(["a", "b"]);
  ack();
  await settled();
  expect(got).toEqual(["a", "b", "c"]);
});

test("acknowledging twice does not bring two", async () => {
  for (const payload of ["a", "b", "c"]) await send(broker, payload);
  await settled();
  const [first] = held;
  ack();
  first?.channel.ack(first.message);
  await settled();
  expect(got).toEqual(["a", "b"]);
});

test("a message is not delivered inside of the call that sends it", async () => {
  const sent = send(broker, "a");
  expect(got).toEqual([]);
  await sent;
  await settled();
  expect(got).toEqual(["a"]);
});

test("queues are apart, and what nobody consumes waits for its consumer", async () => {
  await send(broker, "early", "later");
  await settled();
  expect(got).toEqual([]);
  const late = broker.createService(
    define<Service>({ name: "late", mixins: [queueMixin], AMQPQueues: { later: hold } }),
  );
  await broker.waitForServices("late", 5_000, 5);
  await settled();
  expect(got).toEqual(["early"]);
  await broker.destroyService(late);
});

test("where nobody consumes, the oldest goes", async () => {
  for (let i = 0; i < 1_005; i++) await send(broker, i, "later");
  broker.createService(
    define<Service>({
      name: "late",
      mixins: [queueMixin],
      AMQPQueues: {
        later(channel: QueueChannel, message: QueueMessage) {
          got.push(message.content);
          channel.ack(message);
        },
      },
    }),
  );
  await broker.waitForServices("late", 5_000, 5);
  while (got.length < 1_000) await settled();
  await settled();
  expect([got.length, got[0], got.at(-1)]).toEqual([1_000, 5, 1_004]);
});

test.each<[string, QueueHandler]>([
  ["rejects", async () => Promise.reject(new Error("down"))],
  [
    "throws",
    () => {
      throw new Error("down");
    },
  ],
])("a consumer that %s is told of, and the next message comes", async (_how, fail) => {
  await broker.destroyService(broker.getLocalService("worker") as Service);
  const service = broker.createService(
    worker(function (channel, message) {
      got.push(message.content);
      return fail.call(this, channel, message);
    }),
  );
  const error = jest.spyOn(service.logger, "error").mockImplementation(() => {});
  await broker.waitForServices("worker", 5_000, 5);
  await send(broker, "a");
  await send(broker, "b");
  await settled();
  expect(got).toEqual(["a", "b"]);
  expect(error).toHaveBeenCalledWith("The consumer of work failed:", expect.objectContaining({ message: "down" }));
});

test("a stopped service gets nothing more; what it had not acknowledged comes to the next one", async () => {
  await send(broker, "a");
  await send(broker, "b");
  await settled();
  await send(broker, "c");
  await broker.destroyService(broker.getLocalService("worker") as Service);
  ack();
  await settled();
  expect(got).toEqual(["a"]);
  broker.createService(worker(hold));
  await broker.waitForServices("worker", 5_000, 5);
  await settled();
  ack();
  await settled();
  expect(got).toEqual(["a", "a", "b"]);
});

test("a message that is on its way when the service stops does not reach it", async () => {
  await send(broker, "a");
  await broker.destroyService(broker.getLocalService("worker") as Service);
  await settled();
  expect(got).toEqual([]);
});

test("a message on its way while one consumer ends and the next begins comes once", async () => {
  type Hook = (this: object) => Promise<void>;
  const service = broker.getLocalService("worker") as Service;
  await send(broker, "a");
  // The hooks themselves: Moleculer lets turns of the loop pass between a stop and a start.
  await (queueMixin.stopped as Hook).call(service);
  await (queueMixin.started as Hook).call(service);
  await settled();
  expect(got).toEqual(["a"]);
});

test("two systems in one process do not share queues", async () => {
  const other = await startBroker(sender);
  await send(other.broker, "theirs");
  await settled();
  expect(got).toEqual([]);
  await other.stop();
});
