import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { configFor, describeWithRabbit, newNamespace, removeNamespace } from "../../helpers/amqp.ts";
import { until } from "../../helpers/patience.ts";
import { batchIdOf, startNode } from "./queue.suite.ts";

interface NodeProcess {
  child: ChildProcess;
  got: string[];
}

async function startProcess(namespace: string, mode: "ack" | "hold"): Promise<NodeProcess> {
  const child = fork(join(__dirname, "consumer.process.ts"), [namespace, mode]);
  const got: string[] = [];
  child.on("message", (id) => got.push(String(id)));
  await until(() => got[0] === "ready", "the process");
  got.shift();
  return { child, got };
}

describeWithRabbit("nodes in processes of their own", () => {
  test("a token of a killed process goes to another; no token is lost, and workers share them", async () => {
    const namespace = newNamespace();
    const doomed = await startProcess(namespace, "hold");
    const workers = await Promise.all([startProcess(namespace, "ack"), startProcess(namespace, "ack")]);
    const senders = await Promise.all(["s1", "s2"].map((id) => startNode(configFor(namespace), id, null)));
    try {
      await senders[0]?.add("held-0");
      // RabbitMQ chooses which of the three nodes gets a token. The node that will be killed holds the first one that it gets.
      for (let i = 1; doomed.got.length === 0; i++) await senders[i % 2]?.add(`held-${i}`);
      const held = doomed.got[0] as string;
      const all = () => workers.flatMap(({ got }) => got);
      expect(all()).not.toContain(held);
      doomed.child.kill("SIGKILL");
      await until(() => all().includes(held), "the held token elsewhere");
      const names = Array.from({ length: 100 }, (_, i) => `m${i}`);
      await Promise.all(names.map((name, i) => senders[i % 2]?.add(name)));
      await until(() => names.every((name) => all().includes(batchIdOf(name))), "all tokens");
      expect(workers.every(({ got }) => got.length > 0)).toBe(true);
      expect(new Set(all()).size).toBe(all().length);
    } finally {
      await Promise.all(senders.map((sender) => sender.stop()));
      const nodeIds = [doomed, ...workers].map(({ child }) => `node-${child.pid}`);
      for (const { child } of workers) {
        const exited = once(child, "exit");
        child.disconnect();
        await exited;
      }
      await removeNamespace(namespace, nodeIds);
    }
  });
});
