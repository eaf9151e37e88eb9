/** The REPL as a node without services. Its commands reach the nodes that have the services. */
import { type Middleware, ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../../config/config.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { commands, outputOf } from "../../repl/commands.ts";
import batch from "../../services/batch/batch.service.ts";
import batchLock from "../../services/batchLock/batchLock.service.ts";
import batchProcessor from "../../services/batchProcessor/batchProcessor.service.ts";
import clientCache from "../../services/clientCache/clientCache.service.ts";
import outbox from "../../services/outbox/outbox.service.ts";
import policy from "../../services/policy/policy.service.ts";
import { patience } from "../helpers/patience.ts";
import { temporaryFolder } from "../helpers/process.ts";

const { folder, databaseUrl, remove } = temporaryFolder();
afterAll(remove);

/** Whether the worker receives no messages, as if it was frozen or cut off. */
let isDeaf = false;
const deafness: Middleware = {
  name: "Deafness",
  transporterReceive(next) {
    return function (this: ServiceBroker, ...packet: unknown[]) {
      return isDeaf && this.nodeID !== "repl" ? undefined : next.apply(this, packet as never);
    } as never;
  },
};

/** A node of a cluster within this process. */
function node(nodeID: string, schemas: ServiceSchema[]): ServiceBroker {
  const config = loadConfig({ DATABASE_URL: databaseUrl, HANDLERS_DIR: folder, LOG_LEVEL: "error" });
  const options = brokerOptions(config);
  const middlewares = [deafness, ...(options.middlewares ?? [])];
  const broker = new ServiceBroker({ ...options, middlewares, nodeID, transporter: "Fake" });
  for (const schema of schemas) broker.createService({ ...schema, settings: { ...schema.settings } });
  return broker;
}

test("queues, caches, pause and resume reach the worker of another node", async () => {
  const worker = node("worker-1", [batch, batchLock, batchProcessor, clientCache, outbox, policy]);
  const repl = node("repl", []);
  const typed = (name: string, operands = {}, options = {}) => {
    const command = commands.find((one) => one.command.split(" ")[0] === name);
    if (!command) throw new Error(name);
    return outputOf(command, repl, { ...operands, options });
  };
  try {
    await worker.start();
    await repl.start();
    await repl.waitForServices(["batch", "batchProcessor"], patience(20_000), 10);
    await worker.call("clientCache.create", { clientIdentifier: "partner", name: "Partner" });
    expect(await typed("clients")).toContain("partner");
    expect(await typed("batches")).toBe("There is no such batch.");
    expect(await typed("caches")).toMatch(/worker-1 +clientCache/);
    expect(await typed("locks")).toMatch(/worker-1 +sql +0/);
    expect(await typed("limits", { client: "partner" })).toBe("There is no api node, so nobody counts requests.");
    expect(await typed("pause", { node: "repl" })).toBe('not-found: "repl" is no worker. Workers: worker-1.');
    expect(await typed("pause")).toMatch(/worker-1 +true/);
    expect(await typed("queues")).toContain("worker-1 is paused");
    expect(await typed("resume", { node: "worker-1" })).toMatch(/worker-1 +false/);
    expect(await typed("caches", {}, { flush: true })).toContain("All nodes");

    isDeaf = true;
    // Each command waits some seconds for the deaf worker. They run at once, so that the test waits only once.
    const [paused, ...shown] = await Promise.all([
      typed("pause", { node: "worker-1" }),
      ...["locks", "caches"].map((name) => typed(name)),
    ]);
    for (const text of shown) expect(text).toMatch(/worker-1 does not answer|No node/);
    expect(paused).toContain("unavailable: worker-1 does not answer.");
  } finally {
    await repl.stop();
    await worker.stop();
  }
});
