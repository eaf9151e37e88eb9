import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import type { ServiceBroker } from "moleculer";
import { ConfigError } from "../config/config.ts";
import { define } from "./define.ts";

const LOOK_MS = 10;

/**
 * Ends the start of a service whose partners are not on the same node: calls on the hot path are local (a body, a chunk
 * or an answer for each record must never cross the transporter), and a remote partner would only look like it works.
 * It stands last among a service's mixins: Moleculer starts the last one first, and the others may open doors.
 */
export const partnersMixin = (...partners: string[]) =>
  define({
    async started() {
      const missing = partners.filter((name) => !this.broker.getLocalService(name));
      if (missing.length > 0)
        throw new ConfigError([
          {
            name: "SERVICES",
            expected: `${missing.join(", ")} on the node of ${this.name}, which needs it there`,
            found: "none",
          },
        ]);
      // Only then: a door that opens before its partners are there would refuse what it could take a moment later.
      await haveStarted(this.broker, partners);
    },
  });

/**
 * Moleculer's own wait is over when any node of the cluster has them, and their calls would go there. Throws where the node
 * stops meanwhile: nothing more is begun then.
 */
async function haveStarted(broker: ServiceBroker, names: string[]): Promise<void> {
  const { registry, nodeID } = broker as unknown as Registered;
  while (!names.every((name) => registry.hasService(name, nodeID))) {
    if (broker.stopping) throw givenUp();
    await delay(LOOK_MS);
  }
}

/** Without a stack in the log: it is no defect. */
const givenUp = () =>
  Object.assign(new Error("The start was given up: the node stops."), { [inspect.custom]: () => "[the node stops]" });

interface Registered {
  registry: { hasService(name: string, nodeID: string): boolean };
  nodeID: string;
}
