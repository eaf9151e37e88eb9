import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import type { ServiceBroker } from "moleculer";
import { ConfigError } from "../config/config.ts";
import { define } from "./define.ts";

const LOOK_MS = 10;

/**
 * Ends the start of a service whose partners are not on the same node: calls on the hot path are local (a body, a chunk
 * or an answer for each record must never cross the transporter), and a remote partner would seem to work.
 * List it last among a service's mixins: Moleculer starts the last one first, and others may open ports.
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
      // The service starts only after its partners: an earlier API would refuse requests that it could serve a moment later.
      await haveStarted(this.broker, partners);
    },
  });

/**
 * Moleculer's own wait ends as soon as any node of the cluster has them, and calls would go there. Throws if the node
 * stops meanwhile, so that nothing more is started.
 */
async function haveStarted(broker: ServiceBroker, names: string[]): Promise<void> {
  const { registry, nodeID } = broker;
  while (!names.every((name) => registry.hasService(name, nodeID))) {
    if (broker.stopping) throw givenUp();
    await delay(LOOK_MS);
  }
}

/** An error without a stack in the log, because it is no defect. */
const givenUp = () =>
  Object.assign(new Error("The start was given up: the node stops."), { [inspect.custom]: () => "[the node stops]" });
