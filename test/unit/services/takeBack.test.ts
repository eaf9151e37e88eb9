/** The promise: if nodes of two versions run, only a node that declares importUndo is asked to take a batch back. */
import { ServiceBroker } from "moleculer";
import { defaultPolicy } from "../../../services/policy/policy.document.ts";
import { type TakeBack, takeBackOf } from "../../../services/takeBack.ts";

const called: string[] = [];
const brokers: ServiceBroker[] = [];

async function node(nodeID: string, importUndo?: true) {
  const broker = new ServiceBroker({ nodeID, namespace: "take-back", transporter: "Fake", logger: false });
  const run = { importHandler: true, ...(importUndo && { importUndo }), handler: () => void called.push(nodeID) };
  if (nodeID !== "asks") broker.createService({ name: "ledger", actions: { run } });
  await broker.start();
  brokers.push(broker);
  return broker;
}

afterAll(() => Promise.all(brokers.map((broker) => broker.stop())));

test("only a node that declares importUndo is called, whichever comes next", async () => {
  const asks = await node("asks");
  await node("old");
  await node("new", true);
  await asks.waitForServices("ledger");
  const policy = { ...defaultPolicy, handler: "ledger.run" };
  const parts = { broker: asks } as Parameters<typeof takeBackOf>[0];
  for (let i = 0; i < 3; i++) {
    const takeBack = (await takeBackOf(parts, policy, { publicId: "b" } as Parameters<
      typeof takeBackOf
    >[2])) as Extract<TakeBack, { timeoutMs: number }>;
    expect(await takeBack.call()).toBe("done");
  }
  expect(called).toEqual(["new", "new", "new"]);
});
