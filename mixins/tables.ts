/** Gives a service `this.tables`: the databases with the company's own tables. The node's services share them. */
import type { ServiceBroker } from "moleculer";
import { configOf } from "../config/config.ts";
import { TargetDatabases } from "../database/targets/databases.ts";
import { PerBroker } from "../lib/batching/per-broker.ts";
import { acquireDatabase, releaseDatabase } from "./database.ts";
import { define, fields, type GivenBy } from "./define.ts";

/** Connections beside those of running batches, for catalogs, cancels and health checks. They are opened when they are needed. */
const CONNECTIONS_BESIDE = 2;

const shared = new PerBroker<TargetDatabases>(
  async (broker) => {
    const { tableDatabases: databases, tablesAllowed: allowed, workerConcurrency } = configOf(broker);
    const own = await acquireDatabase(broker);
    const connections = workerConcurrency + CONNECTIONS_BESIDE;
    return new TargetDatabases({ own, databases, allowed, connections, logger: broker.getLogger("tables") });
  },
  async (tables, broker) => {
    await tables.close();
    await releaseDatabase(broker);
  },
);

/** Does for the tables' databases what `hurryDatabase` does for the node's. */
export async function hurryTables(broker: ServiceBroker, ms: number): Promise<void> {
  const tables = await shared.peek(broker)?.catch(() => null);
  await tables?.limitWaits(ms);
}

export const tablesMixin = define({
  /** `tables` is set from `started` to `stopped`. */
  state: fields<{ tables: TargetDatabases; hasTables: boolean }>(),
  methods: {
    /** Gives the databases back before `stopped`. */
    async releaseTables() {
      if (!this.hasTables) return;
      this.hasTables = false;
      await shared.release(this.broker);
    },
  },
  async started() {
    this.hasTables = true;
    this.tables = await shared.acquire(this.broker);
  },
  async stopped() {
    await this.releaseTables();
  },
});

/** What a service finds on `this` with this mixin. */
export type WithTables = GivenBy<typeof tablesMixin>;
