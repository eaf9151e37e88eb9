import type { Service } from "moleculer";
import { define } from "./define.ts";

/**
 * Ends the start of a service whose partners are not on the same node: calls on the hot path are local (a body, a chunk
 * or an answer for each record must never cross the transporter), and a remote partner would only look like it works.
 */
export const partnersMixin = (...partners: string[]) =>
  define<Service>({
    async started(this: Service) {
      const missing = partners.filter((name) => !this.broker.getLocalService(name));
      if (missing.length > 0)
        throw new Error(
          `SERVICES: "${this.name}" needs ${missing.map((name) => `"${name}"`).join(", ")} on the same node.`,
        );
      // Only then: a door that opens before its partners are there would refuse what it could take a moment later.
      await this.waitForServices(partners, 0, 10);
    },
  });
