import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "amqplib";
import { root } from "../../root.cjs";
import { describeWithRabbit, newNamespace, rabbitUrl, removeNamespace } from "../helpers/amqp.ts";
import { accepted, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type System, startSystem } from "../helpers/system.ts";

const example = (name: string) => join(root, "examples/consumers", name);

describeWithRabbit("an example consumer of events", () => {
  let system: System;
  const namespace = newNamespace();
  const queue = `${namespace}.outsider`;

  beforeAll(async () => {
    system = await startSystem({ env: { AMQP_URL: rabbitUrl, NAMESPACE: namespace } });
  });
  afterAll(async () => {
    const { nodeID } = system.broker;
    await system.stop();
    await removeNamespace(namespace, [nodeID]);
    const connection = await connect(rabbitUrl);
    await (await connection.createChannel()).deleteQueue(queue);
    await connection.close();
  });

  test("the example in Node receives the events of a batch, also those from while it was away", async () => {
    const env = { ...process.env, AMQP_URL: rabbitUrl, EVENTS_EXCHANGE: `${namespace}.events`, QUEUE: queue };
    const client = await newClient(system.url);
    const hear = async (isDone: (text: string) => boolean, act: () => Promise<void>) => {
      const consumer = spawn(process.execPath, [example("consume.mjs"), "batch.*"], { env });
      let [heard, said] = ["", ""];
      consumer.stdout.on("data", (bytes) => {
        heard += bytes;
      });
      consumer.stderr.on("data", (bytes) => {
        said += bytes;
      });
      await until(() => said.includes("Listening"), "the consumer");
      await act();
      await until(() => isDone(heard), "its lines");
      const exited = once(consumer, "exit");
      consumer.kill("SIGTERM");
      expect(await exited).toEqual([0, null]);
      return heard;
    };

    let first = "";
    const completed = (id: string) => (text: string) => text.includes(`batch.completed ${id}`);
    const heard = await hear(
      (text) => completed(first)(text),
      async () => {
        first = (await accepted(system.url, client, '{"a":1}')).id;
      },
    );
    expect(heard.match(/^batch\.\w+/gm)).toEqual(["batch.created", "batch.ready", "batch.completed"]);
    const { id: second } = await accepted(system.url, client, '{"a":2}');
    const later = await hear(completed(second), async () => {});
    expect(later).not.toContain(first);
  });
});

test("the example in Python compiles", () => {
  const check = "import sys; compile(sys.stdin.read(), 'consume.py', 'exec')";
  const { status, error, stderr } = spawnSync("python3", ["-c", check], {
    input: readFileSync(example("consume.py")),
    encoding: "utf8",
  });
  if (error) return console.warn("No python3 on this machine: examples/consumers/consume.py was not checked.");
  expect([status, stderr]).toEqual([0, ""]);
});
