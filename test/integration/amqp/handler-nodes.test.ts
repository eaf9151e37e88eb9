/** The promise: a handler may run on nodes of its own. A killed node does not hold its batch, and a new node is found at once. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { root } from "../../../root.cjs";
import { describeWithRabbit, newNamespace, rabbitUrl, removeNamespace } from "../../helpers/amqp.ts";
import { accepted, batchWhen, newClient } from "../../helpers/http.ts";
import { patience, until } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { row, select } from "../batch/kit.ts";

/** Two looks a second apart, the way through RabbitMQ, and time for a busy machine. Moleculer alone would need 30 to 60 s. */
const AT_ONCE_MS = 8_000;

interface Handler {
  nodeID: string;
  child: ChildProcess;
}

describeWithRabbit("a handler on nodes of its own", () => {
  let system: System;
  let namespace: string;
  const nodes: Handler[] = [];
  const calls: { nodeID: string; batchId: string; chunk: number }[] = [];
  const callsOf = (id: string) => calls.filter(({ batchId }) => batchId === id).map(({ nodeID }) => nodeID);
  const isThere = () => !(system.broker.findNextActionEndpoint("twin.run") instanceof Error);

  beforeAll(async () => {
    namespace = newNamespace();
    system = await startSystem({ env: { AMQP_URL: rabbitUrl, NAMESPACE: namespace, POLL_INTERVAL: "1h" } });
  });
  afterAll(async () => {
    await Promise.all(nodes.map(({ child }) => kill(child)));
    const { nodeID } = system.broker;
    await system.stop();
    await removeNamespace(namespace, [nodeID, ...nodes.map((node) => node.nodeID)]);
  });

  async function startHandler(nodeID: string, mode: "hang" | "done") {
    const script = join(root, "test/integration/amqp/handler.process.ts");
    const child = fork(script, [rabbitUrl, namespace, nodeID, mode], {
      execPath: join(root, "node_modules/.bin/node"),
    });
    nodes.push({ nodeID, child });
    child.on("message", (told) => {
      if (typeof told === "object") calls.push(told as (typeof calls)[0]);
    });
    await once(child, "message");
    await until(() => system.broker.registry.nodes.get(nodeID)?.available === true, `${nodeID} in the cluster`);
    return child;
  }

  const isAlive = ({ child }: Handler) => child.exitCode === null && child.signalCode === null;

  async function turn(child: ChildProcess, mode: "hang" | "done") {
    child.send(mode);
    await once(child, "message");
  }

  async function kill(child: ChildProcess) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  // Two nodes serve all tests, and one test starts a third, because each start of a process costs half a second of CPU time.
  test("a handler node that is only slow is not declared dead", async () => {
    await startHandler("slow", "hang");
    const client = await newClient(system.url, { handler: "twin.run", handlerTimeoutMs: 5_000, maxAttempts: 1 });
    const { id } = await accepted(system.url, client, '{"a":1}');
    await until(() => callsOf(id).length === 1, "the chunk at the slow node");
    await startHandler("idle", "done");
    expect(await batchWhen(system.url, client, id)).toMatchObject({ status: "failed", attempts: 1 });
    expect(callsOf(id)).toEqual(["slow"]);
    expect(isThere()).toBe(true);
  });

  test("when a handler node is killed in a chunk, another one gets the chunk within seconds, and no attempt is counted", async () => {
    for (const { child } of nodes) await turn(child, "hang");
    const client = await newClient(system.url, { handler: "twin.run", maxAttempts: 1 });
    const { id } = await accepted(system.url, client, '{"a":1}');
    await until(() => callsOf(id).length === 1, "the chunk at one node");
    const [hanging] = callsOf(id);
    const second = nodes.find(({ nodeID }) => nodeID !== hanging) as Handler;
    await turn(second.child, "done");
    await kill((nodes.find(({ nodeID }) => nodeID === hanging) as Handler).child);
    const killedAt = performance.now();
    expect(await batchWhen(system.url, client, id)).toMatchObject({ status: "completed", attempts: 1 });
    expect(performance.now() - killedAt).toBeLessThan(patience(AT_ONCE_MS));
    expect(callsOf(id)).toEqual([hanging, second.nodeID]);
  });

  test("when the only handler node is killed, the batch waits, and goes on once another one joins", async () => {
    const [only] = nodes.filter(isAlive);
    await turn((only as Handler).child, "hang");
    const client = await newClient(system.url, { handler: "twin.run", maxAttempts: 1 });
    const { id } = await accepted(system.url, client, '{"a":1}');
    await until(() => callsOf(id).length === 1, "the chunk at its node");
    await kill((only as Handler).child);
    await until(async () => (await row(system, id)).state === "ready", "the batch handed back");
    // Far enough in the future that on any machine a node starts before that time.
    await select(system, "UPDATE batch SET due_at = due_at + 600000 WHERE state = 'ready'");
    const waiting = await row(system, id);
    expect(waiting).toMatchObject({ attempt: 0, dueAt: expect.any(Number) });
    await startHandler("back", "done");
    expect(await batchWhen(system.url, client, id)).toMatchObject({ status: "completed", attempts: 1 });
    const done = await row(system, id);
    // The batch went on before its due time, and stayed in the queue meanwhile.
    expect(done.finishedAt).toBeLessThan(waiting.dueAt as number);
    expect(done.readyAt).toBe(waiting.readyAt);
  });
});
