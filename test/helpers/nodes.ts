/** Brokers with a few services each, joined to one cluster within this process. */
import { ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../../config/config.ts";
import { brokerOptions } from "../../moleculer.config.ts";
import { untilStopped } from "./left.ts";
import { ADMIN_TOKEN } from "./system.ts";

export interface NodeOptions {
  nodeID?: string;
  env?: Record<string, string>;
  services: ServiceSchema[];
  /** Brokers of this process with the same namespace form a cluster. */
  namespace?: string;
}

let nodes = 0;

export async function startNode({
  nodeID = `node-${process.pid}-${++nodes}`,
  env = {},
  services,
  namespace,
}: NodeOptions): Promise<ServiceBroker> {
  const config = loadConfig({ ADMIN_TOKEN, LOG_LEVEL: "fatal", ...env });
  const broker = new ServiceBroker({
    ...brokerOptions(config),
    skipProcessEventRegistration: true,
    nodeID,
    ...(namespace ? { namespace, transporter: "Fake" } : {}),
  });
  for (const schema of services) broker.createService({ ...schema, settings: { ...schema.settings } });
  broker.stop = untilStopped(broker.stop.bind(broker));
  await broker.start();
  return broker;
}

/** Waits until each broker knows this service on all of them. */
export async function acquainted(brokers: ServiceBroker[], service: string): Promise<void> {
  const known = (broker: ServiceBroker) =>
    (broker.registry.getServiceList({ onlyAvailable: true }) as { name: string }[]).filter(
      ({ name }) => name === service,
    ).length;
  while (brokers.some((broker) => known(broker) < brokers.length))
    await new Promise((resolve) => setTimeout(resolve, 5));
}
