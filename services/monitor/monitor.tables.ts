import type { ServiceBroker } from "moleculer";
import { configOf } from "../../config/config.ts";
import { Recent } from "../../lib/batching/recent.ts";
import { readWhenAsked } from "../../lib/metrics/figures.ts";
import { actors } from "../actors.ts";
import type { Check } from "./monitor.contract.ts";

const PATIENCE_MS = 2_000;
/** How long an answer is reused: anybody may ask. */
const FRESH_MS = 1_000;

type Checks = Record<string, Check>;

/** Whether the databases of `TABLE_DATABASES` can be used, for health and metrics. */
export class TableDatabases {
  private readonly broker: ServiceBroker;
  private readonly names: string[];
  private checks: Checks = {};
  private readonly recent = new Recent(
    () => this.ask(),
    () => FRESH_MS,
  );

  constructor(broker: ServiceBroker) {
    this.broker = broker;
    this.names = configOf(broker).tableDatabases.map(({ name }) => name);
    const up = { name: "dataflow_table_database_up", help: "Whether the table database answered just now." };
    readWhenAsked(broker, { type: "gauge", ...up, labelNames: ["database"] }, () =>
      this.names.map((database) => ({ value: isUp(this.checks[database]) ? 1 : 0, labels: { database } })),
    );
  }

  get hasAny(): boolean {
    return this.names.length > 0;
  }

  /** Never throws. */
  async fresh(): Promise<Checks> {
    return this.hasAny ? this.recent.get() : {};
  }

  private async ask(): Promise<Checks> {
    const told = await actors.batch
      .pingTables(this.broker, {}, { timeout: PATIENCE_MS })
      .catch((): Record<string, null> => ({}));
    this.checks = Object.fromEntries(this.names.map((name) => [name, checkOf(told[name] ?? null)]));
    return this.checks;
  }
}

const checkOf = (ms: number | null): Check =>
  ms === null ? { status: "down" } : { status: "up", latencyMs: Number(ms.toFixed(2)) };

const isUp = (check: Check | undefined): boolean => check !== undefined && check !== "off" && check.status === "up";
