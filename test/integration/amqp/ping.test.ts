import { AmqpPublisher } from "../../../lib/amqp/publisher.ts";
import {
  configFor,
  describeWithRabbit,
  newNamespace,
  rabbitTarget,
  rabbitUrlAt,
  removeNamespace,
} from "../../helpers/amqp.ts";
import { until } from "../../helpers/patience.ts";
import { startProxy } from "../../helpers/proxy.ts";

describeWithRabbit("a ping of RabbitMQ", () => {
  test("a ping is a round trip; it fails while RabbitMQ is unreachable, and works again afterwards", async () => {
    const proxy = await startProxy(rabbitTarget);
    const config = configFor(newNamespace(), { AMQP_URL: rabbitUrlAt(proxy.port) });
    const logger = { info: () => {}, warn: () => {} };
    const publisher = new AmqpPublisher(config, {
      urls: config.amqpUrls,
      name: "ping",
      logger,
      changed: () => {},
      reconnected: () => {},
    });
    const answers = () =>
      publisher.ping().then(
        (ms) => ms > 0,
        () => false,
      );
    await publisher.opened();
    expect(await answers()).toBe(true);
    await proxy.shut();
    await until(async () => !(await answers()), "the loss of RabbitMQ");
    await proxy.open();
    await until(answers, "RabbitMQ to be back");
    await publisher.close();
    await proxy.close();
    await removeNamespace(config.namespace);
  });
});
