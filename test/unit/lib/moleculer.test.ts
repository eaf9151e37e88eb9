/** Code that depends on Moleculer's internals was checked with this version of Moleculer, part by part (lib/moleculer.ts). */
import { ServiceBroker } from "moleculer";
import { CHECKED_WITH } from "../../../lib/moleculer.ts";

test("Moleculer is the version that our ways into it were checked with", () => {
  expect(ServiceBroker.MOLECULER_VERSION).toBe(CHECKED_WITH);
});
