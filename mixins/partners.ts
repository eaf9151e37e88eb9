import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import type { ServiceBroker } from "moleculer";
import { ConfigError } from "../config/config.ts";
import { define } from "./define.ts";

const LOOK_MS = 10;

/**
 * Ends the start of a service whose partners are not on the same node. Calls between them are frequent, and a body, a chunk or an
 * answer per record must never cross the transporter; a remote partner would seem to work. List this mixin last: Moleculer starts
 * the last mixin first, and the others may open ports.
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
 * Waits for local services. Moleculer's own wait ends as soon as any node has them, and calls would then go to that node. Throws
 * if the node stops meanwhile, so that nothing more is started.
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
