/**
 * audit.test.ts starts this process. It creates an operator, and is killed after the audit's entry is written but before the
 * commit.
 */
import { writeSync } from "node:fs";
import type { WithDatabase } from "../../mixins/database.ts";
import { REPL_CALLER } from "../../services/audit/audit.domain.ts";
import { startSystem } from "../helpers/system.ts";

const { broker, folder } = await startSystem({ services: ["operator"] });
// Moleculer's type of a service does not know its mixins.
const { Audit } = (broker.getLocalService("operator") as unknown as WithDatabase).database.models;
Audit.addHook("afterCreate", () => {
  writeSync(1, folder);
  process.kill(process.pid, "SIGKILL");
});
await broker.call("operator.create", { name: "alice", role: "viewer" }, { meta: { caller: REPL_CALLER } });
