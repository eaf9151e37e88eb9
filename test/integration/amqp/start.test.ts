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
  test("a wrong login ends the start with the setting's name, and without the password", async () => {
    const AMQP_URL = rabbitUrlWith((url) => {
      url.password = "hunter2";
    });
    const broker = brokerFor(newNamespace(), "n1", { AMQP_URL });
    const error = await broker.start().catch((caught: Error) => caught);
    expect((error as Error).message).toBe(
      `AMQP_URL: expected a user and password that RabbitMQ at amqp://***@${rabbitTarget.host}:${rabbitTarget.port} accepts; found a login that it refuses`,
    );
  });

  test("a virtual host that is not there ends the start", async () => {
    const AMQP_URL = rabbitUrlWith((url) => {
      url.pathname = "/nowhere";
    });
    await expect(brokerFor(newNamespace(), "n1", { AMQP_URL }).start()).rejects.toThrow(/^AMQP_URL: .*virtual host/);
  });

  test("a RabbitMQ that falls silent when it has been asked is not waited for", async () => {
    const proxy = await startProxy(rabbitTarget);
    const asked = withRabbit([rabbitUrlAt(proxy.port, 0)], listener().logger, async () => proxy.deafen());
    await asked;
    await proxy.close();
  });

  test("a RabbitMQ that is away is waited for, with a log line", async () => {
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

  test("of several URLs the first that answers serves", async () => {
    const { warnings, logger } = listener();
    expect(await withRabbit(["amqp://127.0.0.1:1", rabbitUrl], logger, async () => 1)).toBe(1);
    expect(warnings).toEqual([]);
  });

  test("nodes call one another, many at once, and find a RabbitMQ that is second in the list", async () => {
    const namespace = newNamespace();
    const AMQP_URL = `amqp://127.0.0.1:1,${rabbitUrl}`;
    const server = brokerFor(namespace, "n1");
    server.createService({
      name: "echo",
      actions: {
        async say(ctx) {
          // All have to be there before one is answered: a prefetch of 1 would never get so far.
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

  test("a node that is stopped while RabbitMQ is away tries no more, and leaves nothing behind", async () => {
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

  test("a node's own link comes back after a cut", async () => {
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
