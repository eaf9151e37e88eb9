import type { ServiceSchema } from "moleculer";
import type { WithDatabase } from "../../../mixins/database.ts";
import { define } from "../../../mixins/define.ts";
import { call, type QueueChannel, type QueueMessage, queueMixin } from "../../../services/messages.ts";
import type { OutboxRow } from "../../../services/outbox/outbox.domain.ts";
import { until } from "../../helpers/patience.ts";
import type { System } from "../../helpers/system.ts";
import { hears, standIn, startNode, wrongParams } from "../contracts/kit.ts";

/** The rows that the store has left, and the ids that it was asked to delete. */
let leftOver: OutboxRow[];
let takes: number[];
let deleted: number[][];
let failures: Error[];
let events: unknown[];
let tokens: unknown[];
let system: System;

const batchId = (id: number) => `0193a000-0000-7000-8000-00000000000${id}`;

const row = (id: number, topic = "batch.ready"): OutboxRow => ({
  id,
  topic,
  attempts: 1,
  body: JSON.stringify({ id: `event-${id}`, type: topic, subject: batchId(id) }),
});

function watchStore(): void {
  const { store } = (system.broker.getLocalService("outbox") as unknown as WithDatabase).database;
  jest.spyOn(store, "takeOutbox").mockImplementation(async (limit) => {
    takes.push(limit);
    const failure = failures.shift();
    if (failure) throw failure;
    return leftOver.splice(0, limit);
  });
  jest.spyOn(store, "deleteOutbox").mockImplementation(async (ids) => {
    const failure = failures.shift();
    if (failure) throw failure;
    deleted.push(ids);
  });
}
const worker = define({
  name: "worker",
  mixins: [queueMixin],
  AMQPQueues: {
    "batch.ready"(channel: QueueChannel, message: QueueMessage) {
      tokens.push(message.content);
      channel.ack(message);
    },
  },
});

async function start(sweep: string, ...extra: ServiceSchema[]) {
  [leftOver, takes, deleted, failures, events, tokens] = [[], [], [], [], [], []];
  const heard = ["batch.created", "batch.ready"].map((name) => hears(name as "batch.ready", events));
  system = await startNode({
    services: ["outbox"],
    env: { SWEEP_INTERVAL: sweep, LOG_LEVEL: "fatal" },
    extra: [worker, ...heard, ...extra],
  });
  watchStore();
}
const publish = (...rows: OutboxRow[]) => call(system.broker, "outbox.publish", { rows });

afterEach(async () => {
  await system.stop();
  jest.restoreAllMocks();
});

describe("publishing", () => {
  test("each row is an event, in order; of one that is ready workers are told", async () => {
    await start("1h");
    await publish(row(1, "batch.created"), row(2), row(3, "batch.created"));
    expect(events).toEqual([
      { id: "event-1", type: "batch.created", subject: batchId(1) },
      { id: "event-2", type: "batch.ready", subject: batchId(2) },
      { id: "event-3", type: "batch.created", subject: batchId(3) },
    ]);
    await until(() => tokens.length > 0);
    expect(tokens).toEqual([{ batchId: batchId(2) }]);
  });

  test("the token says where an idle worker may begin to look", async () => {
    await start("1h");
    const ready = { batchId: batchId(2), id: 7, fence: 3 };
    await call(system.broker, "outbox.publish", { rows: [row(1, "batch.created"), row(2)], ready });
    await until(() => tokens.length > 0);
    expect(tokens).toEqual([ready]);
  });

  test("wakes the sender of webhooks where there is one to send, and only there", async () => {
    const wakes: unknown[] = [];
    await start("1h", standIn("webhook", { wake: (ctx) => void wakes.push(ctx.params) }));
    await publish(row(1), { ...row(2), delivery: { publicId: batchId(2) } });
    await until(() => wakes.length > 0);
    await publish(row(3));
    await until(() => deleted.flat().length === 3);
    expect(wakes).toHaveLength(1);
  });

  test("what was published is forgotten, many rows at once", async () => {
    await start("1h");
    await Promise.all([publish(row(1), row(2)), publish(row(3))]);
    await until(() => deleted.length > 0);
    expect(deleted.map((ids) => ids.sort())).toEqual([[1, 2, 3]]);
  });

  test("what could not be forgotten is forgotten later", async () => {
    await start("1h");
    failures.push(new Error("away"));
    await publish(row(1));
    await until(() => failures.length === 0);
    await publish(row(2));
    await until(() => deleted.length > 0);
    expect(deleted).toEqual([[1, 2]]);
  });

  test("a listener that fails holds nothing up", async () => {
    const failing: ServiceSchema = {
      name: "failing",
      events: {
        "batch.ready"() {
          throw new Error("down");
        },
      },
    };
    await start("1h", failing);
    await publish(row(1), row(2));
    await until(() => tokens.length === 1 && deleted.length > 0);
    expect(deleted).toEqual([[1, 2]]);
  });

  test("a listener that takes long does not keep the workers waiting", async () => {
    const gate = Promise.withResolvers<void>();
    await start("1h", { name: "slow", events: { "batch.ready": () => gate.promise } });
    const published = publish(row(1));
    await until(() => tokens.length === 1);
    gate.resolve();
    await published;
  });

  test("wakes the workers where something else made work claimable", async () => {
    await start("1h");
    await call(system.broker, "outbox.wake", {});
    await until(() => tokens.length > 0);
    expect(tokens).toEqual([{ batchId: null }]);
  });

  test("rows must come in a list", async () => {
    await start("1h");
    await expect(system.broker.call("outbox.publish", { rows: 1 })).rejects.toEqual(wrongParams("rows"));
  });
});

describe("sweeping", () => {
  const sweep = () => (system.broker.getLocalService("outbox") as unknown as { sweep(): Promise<void> }).sweep();

  test("publishes what a crash left, all of it in one go", async () => {
    await start("1h");
    leftOver = Array.from({ length: 250 }, (_, i) => row(i + 1, "batch.created"));
    await sweep();
    expect(takes.slice(0, 3)).toEqual([100, 100, 100]);
    expect(events).toHaveLength(250);
    await until(() => deleted.flat().length === 250);
  });

  test("has a change of a policy told again, before its event is forgotten", async () => {
    const applied: unknown[] = [];
    const apply = (ctx: { params: never }) => {
      applied.push(ctx.params);
      if (applied.length === 1) throw new Error("away");
    };
    await start("100ms", standIn("policy", { apply }));
    await publish({ ...row(1, "policy.changed"), attempts: 0 });
    leftOver = [row(2, "policy.changed")];
    await until(() => deleted.flat().length === 2);
    await sweep();
    expect(applied).toEqual([{ clientPublicId: batchId(2) }, { clientPublicId: batchId(2) }]);
  });

  test("goes on after a failure", async () => {
    await start("100ms");
    failures.push(new Error("away"));
    await until(() => failures.length === 0);
    leftOver = [row(1)];
    await until(() => deleted.length > 0);
    expect(deleted).toEqual([[1]]);
  });
});

test("before the stop it forgets what it published", async () => {
  await start("1h");
  await publish(row(7));
  await system.broker.stop();
  expect(deleted).toEqual([[7]]);
});
