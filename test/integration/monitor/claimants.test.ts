/** The promise: operators learn when no worker claims batches, but get no alarm about a worker that is only slow. */
import type { ServiceBroker } from "moleculer";
import { acquainted, startNode } from "../../helpers/nodes.ts";

const brokers: ServiceBroker[] = [];
afterEach(() => Promise.all(brokers.splice(0).map((broker) => broker.stop())));

/** Starts one worker for each of `statuses`, which answers `status` with it, and a node that asks them. */
async function cluster(...statuses: (() => unknown)[]): Promise<ServiceBroker> {
  const namespace = `claimants-${process.pid}-${statuses.length}-${Math.random()}`;
  const looking = await startNode({ services: [], namespace });
  brokers.push(looking);
  for (const status of statuses)
    brokers.push(await startNode({ services: [{ name: "batchProcessor", actions: { status } }], namespace }));
  await acquainted(brokers, "monitor");
  return looking;
}

const answers = (paused: boolean) => () => ({ paused, slots: 1, running: [] });
const silent = () => new Promise(() => {});

test.each([
  ["none", []],
  ["paused", [answers(true), answers(true)]],
  ["some", [answers(true), answers(false)]],
  ["some", [answers(true), silent]],
  ["some", [silent, answers(false)]],
])("workers that claim batches are reported as: %s", async (expected, statuses) => {
  const broker = await cluster(...statuses);
  expect(await broker.call("monitor.claimants")).toBe(expected);
});
