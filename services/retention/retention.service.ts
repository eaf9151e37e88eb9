/**
 * Deletes expired data: bodies of batches that ended, whole batches, uploads that broke off, errors of earlier passes,
 * idempotency keys, unique keys and usage; and what batches have delivered that an operator takes back. Every node with a
 * database takes part. It works in short pieces at an interval of its own, so that no lease, window or retry waits for it.
 * It deletes nothing by its age while the database's clock is in doubt, and while the database is away it waits for the next round.
 */

import { configOf } from "../../config/config.ts";
import { type Counter, counter, readWhenAsked } from "../../lib/metrics/figures.ts";
import { clockMixin } from "../../mixins/clock.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { tablesMixin } from "../../mixins/tables.ts";
import { actors } from "../actors.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import { agingTables } from "../batch/batch.reads.domain.ts";
import { pinnedPolicy, restDue } from "../batches.ts";
import { defineActor } from "../define.ts";
import { takeBackOf } from "../takeBack.ts";
import { UndoCalls } from "./retention.calls.ts";
import { Retention } from "./retention.rounds.ts";

interface State {
  retention: Retention;
  calls: UndoCalls;
  /** Runs a round soon. */
  wake: () => void;
  rows: Counter<(typeof agingTables)[number]>;
}

const held = {
  name: "dataflow_retention_held",
  help: "Whether nothing is deleted by its age, because the database's clock is in doubt.",
  type: "gauge",
} as const;

const rows = { name: "dataflow_retention_rows_total", help: "Rows that were deleted by their age, by table." };

const overdue = {
  name: "dataflow_retention_overdue_seconds",
  help: "How long the oldest batch is overdue that the last round of retention could not delete.",
  type: "gauge",
} as const;

export default defineActor({
  name: "retention",
  mixins: [databaseMixin, tablesMixin, scheduleMixin, clockMixin],
  state: fields<State>(),

  created() {
    readWhenAsked(this.broker, held, () => [{ value: this.clock.isTrusted ? 0 : 1 }]);
    readWhenAsked(this.broker, overdue, () => [{ value: secondsSince(this.retention?.oldestLeft ?? null) }]);
    this.rows = counter(this.broker, rows, "table", agingTables);
  },

  async drain() {
    // A stop can come before the start has finished.
    this.retention?.end();
    this.calls?.end();
    await this.endSchedules();
    await this.clock.end();
  },

  actions: {
    wake() {
      this.wake();
    },
  },

  async started() {
    const policyOf = (batch: BatchRow) => pinnedPolicy(this.broker, batch);
    const wait = ({ publicId }: BatchRow, waits: string) => actors.batch.waitUndo(this.broker, { publicId, waits });
    this.calls = new UndoCalls({
      logger: this.logger,
      claim: ({ publicId }, forMs) => actors.batch.claimUndo(this.broker, { publicId, forMs }),
      wait,
    });
    this.retention = new Retention({
      store: this.database.store,
      logger: this.logger,
      removed: (table, n) => this.rows.add(table, n),
      mayDelete: () => this.clock.mayDelete(),
      retentionOf: async (batch) => restDue((await policyOf(batch)).policy, batch),
      policyOf,
      takeBackOf: (policy, batch) => takeBackOf({ broker: this.broker, tables: this.tables }, policy, batch),
      calls: this.calls,
      wait,
      finish: ({ publicId }) => actors.batch.finishUndo(this.broker, { publicId }),
    });
    // While this node starts, calls to its own services would go to another node.
    const runOnceStarted = async () => this.broker.started && this.retention.run();
    this.wake = this.schedule("Retention", configOf(this.broker).sweepIntervalMs, runOnceStarted, 0.2);
  },
});

const secondsSince = (at: number | null): number => (at === null ? 0 : Math.max(0, (Date.now() - at) / 1000));
