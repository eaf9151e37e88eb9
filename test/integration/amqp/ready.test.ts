import {
  describeWithRabbit,
  newNamespace,
  rabbitTarget,
  rabbitUrlAt,
  removeNamespace,
  until,
} from "../../helpers/amqp.ts";
import { startProxy } from "../../helpers/proxy.ts";
import { startSystem } from "../../helpers/system.ts";

describeWithRabbit("readiness with AMQP_URL", () => {
  test("tells of RabbitMQ; cut off or frozen the node is degraded, and ok again by itself", async () => {
    const proxy = await startProxy(rabbitTarget);
    const namespace = newNamespace();
    const env = { AMQP_URL: rabbitUrlAt(proxy.port), NAMESPACE: namespace, LOG_LEVEL: "fatal" };
    const system = await startSystem({ env });
    const ready = async () => {
      const response = await fetch(`${system.url}/health/ready`);
      return [response.status, await response.json()];
    };
    const up = { status: "ok", checks: { redis: "off", rabbitmq: { status: "up", latencyMs: expect.any(Number) } } };
    const degraded = [
      200,
      { status: "degraded", checks: { database: { status: "up" }, rabbitmq: { status: "down" } } },
    ];
    const isUp = async () => ((await ready())[1] as { status: string }).status === "ok";
    expect(await ready()).toMatchObject([200, up]);
    await proxy.shut();
    await until(async () => !(await isUp()), "the loss of RabbitMQ");
    expect(await ready()).toMatchObject(degraded);
    await proxy.open();
    await until(isUp, "RabbitMQ to be back");
    proxy.freeze();
    expect(await ready()).toMatchObject(degraded);
    proxy.thaw();
    await until(isUp, "RabbitMQ to be thawed");
    // Moleculer's own link comes back on its own, and a stop would not end its tries.
    const transit = system.broker.transit as unknown as { connected: boolean };
    await until(() => transit.connected, "the transporter to be back");
    const { nodeID } = system.broker;
    await system.stop();
    await proxy.close();
    await removeNamespace(namespace, [nodeID]);
  }, 60_000);
});
