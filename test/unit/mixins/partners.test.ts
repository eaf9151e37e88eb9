import { type BrokerOptions, ServiceBroker } from "moleculer";
import { loadConfig, useConfig } from "../../../config/config.ts";
import { drainMiddleware } from "../../../middlewares/drain.ts";
import { define } from "../../../mixins/define.ts";
import { partnersMixin } from "../../../mixins/partners.ts";
import { startBroker } from "../contracts/kit.ts";

const log: string[] = [];
beforeEach(() => log.splice(0));

const needy = define({
  name: "needy",
  mixins: [partnersMixin("slow", "other")],
  async started() {
    log.push("needy");
  },
});
const slow = define({
  name: "slow",
  async started() {
    await new Promise((resolve) => setTimeout(resolve, 30));
    log.push("slow");
  },
});
const other = define({ name: "other" });

test("a service starts after its partners, whatever the order", async () => {
  const { stop } = await startBroker(needy, slow, other);
  expect(log).toEqual(["slow", "needy"]);
  await stop();
});

test("missing partners end the start, which names them", async () => {
  await expect(startBroker(needy, other)).rejects.toThrow(
    "SERVICES: expected slow on the node of needy, which needs it there; found none",
  );
  await expect(startBroker(needy)).rejects.toThrow("expected slow, other on the node of needy");
});

const options: BrokerOptions = {
  logger: false,
  transporter: "Fake",
  namespace: "partners",
  middlewares: [drainMiddleware],
  created: (broker) => useConfig(broker, loadConfig({})),
  skipProcessEventRegistration: true,
};

async function partnersElsewhere(): Promise<ServiceBroker> {
  const there = new ServiceBroker({ ...options, nodeID: "there" });
  for (const schema of [slow, other]) there.createService(schema);
  await there.start();
  log.splice(0);
  return there;
}

test("a service waits for the partners of its own node, also if another node has them already", async () => {
  const there = await partnersElsewhere();
  const here = new ServiceBroker({ ...options, nodeID: "here" });
  for (const schema of [needy, slow, other]) here.createService(schema);
  await here.start();
  expect(log).toEqual(["slow", "needy"]);
  await Promise.all([here.stop(), there.stop()]);
});

test("a partner on another node does not count", async () => {
  const there = await partnersElsewhere();
  const here = new ServiceBroker({ ...options, nodeID: "alone" });
  here.createService(needy);
  await expect(here.start()).rejects.toThrow("expected slow, other on the node of needy");
  await Promise.all([here.stop(), there.stop()]);
});
