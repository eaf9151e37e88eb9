import { setImmediate } from "node:timers/promises";
import { ServiceBroker } from "moleculer";
import { withRabbit } from "../../../lib/amqp/start.ts";
import { brokerOptions } from "../../../moleculer.config.ts";
import {
  configFor,
  describeWithRabbit,
  newNamespace,
  rabbitTarget,
  rabbitUrl,
  rabbitUrlAt,
  rabbitUrlWith,
  removeNamespace,
} from "../../helpers/amqp.ts";
import { until } from "../../helpers/patience.ts";
import { startProxy } from "../../helpers/proxy.ts";
import { leftovers, nothingLeft } from "../../unit/contracts/kit.ts";

/** A logger that keeps its warnings. */
function listener() {
  const warnings: string[] = [];
  const logger = { warn: (text: string) => void warnings.push(text) };
  return { warnings, logger };
}

function brokerFor(namespace: string, nodeID: string, env: Record<string, string> = {}): ServiceBroker {
  const options = brokerOptions(configFor(namespace, env));
  return new ServiceBroker({ ...options, nodeID, skipProcessEventRegistration: true });
}

describeWithRabbit("a node that starts with AMQP_URL", () => {
  test("a wrong login ends the start; the message names the setting, and no password", async () => {
    const AMQP_URL = rabbitUrlWith((url) => {
      url.password = "hunter2";
    });
    const broker = brokerFor(newNamespace(), "n1", { AMQP_URL });
    const error = await broker.start().catch((caught: Error) => caught);
    expect((error as Error).message).toBe(
      `AMQP_URL: expected a user and password that RabbitMQ at amqp://***@${rabbitTarget.host}:${rabbitTarget.port} accepts; found a login that it refuses`,
    );
  });

  test("a virtual host that does not exist ends the start", async () => {
    const AMQP_URL = rabbitUrlWith((url) => {
      url.pathname = "/nowhere";
    });
    await expect(brokerFor(newNamespace(), "n1", { AMQP_URL }).start()).rejects.toThrow(/^AMQP_URL: .*virtual host/);
  });

  test("a heartbeat that is due while the links close is no error", async () => {
    const broker = brokerFor(newNamespace(), "n1");
    await broker.start();
    const { transit, registry } = broker as unknown as {
      transit: { tx: { disconnect(): Promise<void> }; sendHeartbeat(node: unknown): Promise<void> };
      registry: { nodes: { localNode: unknown } };
    };
    let isClosed = false;
    const closed = transit.tx.disconnect().then(() => {
      isClosed = true;
    });
    while (!isClosed) {
      await transit.sendHeartbeat(registry.nodes.localNode);
      await setImmediate();
    }
    await closed;
    await broker.stop();
  });

  test("the start does not wait for a RabbitMQ that falls silent after it was asked", async () => {
    const proxy = await startProxy(rabbitTarget);
    const asked = withRabbit([rabbitUrlAt(proxy.port, 0)], listener().logger, async () => proxy.deafen());
    await asked;
    await proxy.close();
  });

  test("the start waits for a RabbitMQ that is away, with a log line", async () => {
    const proxy = await startProxy(rabbitTarget, true);
    const { warnings, logger } = listener();
    const url = rabbitUrlAt(proxy.port);
    const started = withRabbit([url], logger, async () => "there");
    await until(() => warnings.length > 0, "a log line");
    expect(warnings[0]).toMatch(
      /^RabbitMQ is away, the start waits for it \(amqp:\/\/\*\*\*@127\.0\.0\.1:\d+: .*ECONNREFUSED/,
    );
    await proxy.open();
    expect(await started).toBe("there");
    await proxy.close();
  });

  test("of several URLs the first one that answers is used", async () => {
    const { warnings, logger } = listener();
    expect(await withRabbit(["amqp://127.0.0.1:1", rabbitUrl], logger, async () => 1)).toBe(1);
    expect(warnings).toEqual([]);
  });

  test("nodes call each other, many at once, also when the first RabbitMQ of the list is away", async () => {
    const namespace = newNamespace();
    const AMQP_URL = `amqp://127.0.0.1:1,${rabbitUrl}`;
    const server = brokerFor(namespace, "n1");
    server.createService({
      name: "echo",
      actions: {
        async say(ctx) {
          // All calls must arrive before the first is answered, so the test would hang with a prefetch of 1.
          running.add(ctx.params.n);
          if (running.size === 20) everyone.resolve();
          await everyone.promise;
          return ctx.params.n;
        },
      },
    });
    const running = new Set<number>();
    const everyone = Promise.withResolvers<void>();
    const client = brokerFor(namespace, "n2", { AMQP_URL });
    try {
      await Promise.all([server.start(), client.start()]);
      await client.waitForServices("echo");
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => client.call("echo.say", { n })));
      expect(answers).toEqual(Array.from({ length: 20 }, (_, n) => n));
    } finally {
      await Promise.all([server.stop(), client.stop()]);
      await removeNamespace(namespace, ["n1", "n2"]);
    }
  });

  test("a node that stops while RabbitMQ is away stops connecting, and leaves nothing behind", async () => {
    const isLeft = leftovers();
    const proxy = await startProxy(rabbitTarget);
    const namespace = newNamespace();
    const broker = brokerFor(namespace, "n1", { AMQP_URL: rabbitUrlAt(proxy.port), LOG_LEVEL: "fatal" });
    await broker.start();
    await proxy.shut();
    await until(() => broker.transit?.tx?.connected === false, "the loss of the link");
    await broker.stop();
    await nothingLeft(isLeft);
    await removeNamespace(namespace, ["n1"]);
  });

  test("a node's link reconnects after a cut", async () => {
    const proxy = await startProxy(rabbitTarget);
    const namespace = newNamespace();
    const [server, client] = ["n1", "n2"].map((id) =>
      brokerFor(namespace, id, { AMQP_URL: rabbitUrlAt(proxy.port), LOG_LEVEL: "fatal" }),
    ) as [ServiceBroker, ServiceBroker];
    server.createService({ name: "echo", actions: { say: () => "hello" } });
    await Promise.all([server.start(), client.start()]);
    await client.waitForServices("echo");
    proxy.cut();
    const says = () => client.call("echo.say", {}, { timeout: 500 }).catch(() => null);
    await until(async () => (await says()) === "hello", "an answer");
    await Promise.all([server.stop(), client.stop()]);
    await proxy.close();
    await removeNamespace(namespace, ["n1", "n2"]);
  });
});
