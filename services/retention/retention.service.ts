/**
 * Deletes expired data: bodies of batches that ended, whole batches, uploads that broke off, errors of earlier passes,
 * idempotency keys, unique keys, usage and the audit; and what batches have delivered that an operator takes back. Every node with a
 * database takes part. It works in short pieces at an interval of its own, so that no lease, window or retry waits for it.
 * It deletes nothing by its age while the database's clock is in doubt, and while the database is away it waits for the next round.
 */

import { configOf } from "../../config/config.ts";
import { isUuid } from "../../database/rows.ts";
import { Problem } from "../../lib/errors.ts";
import { type Counter, counter, readWhenAsked } from "../../lib/metrics/figures.ts";
import { clockMixin } from "../../mixins/clock.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { tablesMixin } from "../../mixins/tables.ts";
import { actors } from "../actors.ts";
import { auditing } from "../audits.ts";
import type { BatchRow } from "../batch/batch.domain.ts";
import { agingTables, type Removed } from "../batch/batch.reads.domain.ts";
import { pinnedPolicy, restDue } from "../batches.ts";
import { defineActor } from "../define.ts";
import { takeBackOf } from "../takeBack.ts";
import { checkAsked } from "./retention.asked.ts";
import { UndoCalls } from "./retention.calls.ts";
import { eraseOfClient } from "./retention.client.ts";
import type { Criteria } from "./retention.domain.ts";
import { Erasures, erasureOf } from "./retention.erasures.ts";
import { eraseOfPerson, wouldErase } from "./retention.person.ts";
import { Retention } from "./retention.rounds.ts";

interface State {
  retention: Retention;
  calls: UndoCalls;
  erasures: Erasures;
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
  help: "How long the oldest batch that the last round of retention has left is overdue.",
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
    async erase(ctx) {
      const { client: publicId, dataset, isDryRun = false } = ctx.params;
      const criteria = ctx.params.where as Criteria;
      const { store } = this.database;
      const client = await checkAsked(this.broker, store, { client: publicId, dataset, where: criteria });
      const lastBatch = await store.lastBatch();
      const clientId = client?.id ?? null;
      if (isDryRun) return { counts: await wouldErase(store, criteria, { dataset, clientId, last: lastBatch }) };
      const about = {
        clientId,
        clientPublicId: client?.publicId ?? null,
        clientIdentifier: client?.identifier ?? null,
      };
      const row = await this.erasures.add({ ...about, dataset, criteria, lastBatch }, auditing(ctx));
      this.wake();
      return { erasure: erasureOf(row) };
    },
    async erasure(ctx) {
      const found = isUuid(ctx.params.publicId) ? await this.erasures.get(ctx.params.publicId) : null;
      if (!found) throw new Problem("not-found", "There is no such erasure.");
      return erasureOf(found);
    },
    async erasures(ctx) {
      return (await this.erasures.list(ctx.params)).map(erasureOf);
    },
  },

  async started() {
    this.erasures = new Erasures(this.database);
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
      auditMs: configOf(this.broker).auditRetentionMs,
      removed: (table, n) => this.rows.add(table, n),
      mayDelete: () => this.clock.mayDelete(),
      retentionOf: async (batch) => restDue((await policyOf(batch)).policy, batch),
      policyOf,
      takeBackOf: (policy, batch) => takeBackOf({ broker: this.broker, tables: this.tables }, policy, batch),
      calls: this.calls,
      wait,
      erasures: (limit) => this.erasures.due(limit),
      erase: async ({ publicId }, pace) => {
        // Reads the erasure again, because the last piece has changed its progress.
        const row = await this.erasures.get(publicId);
        if (!row || row.state === "done") return "done";
        const moved: Erasures["moved"] = (...move) => this.erasures.moved(...move);
        const { broker, database } = this;
        const { store } = database;
        const removed: Removed = (table, n) => this.rows.add(table, n);
        const end =
          row.dataset === null
            ? await eraseOfClient({ broker, store, removed, moved, rows: () => pace.rows }, row)
            : await eraseOfPerson({ store, moved, chunksAtOnce: () => pace.chunks }, row);
        if (end !== "done") return end;
        await database.wipe();
        this.logger.info(`Erasure ${publicId} is done.`);
        return end;
      },
      finish: ({ publicId }) => actors.batch.finishUndo(this.broker, { publicId }),
    });
    // While this node starts, calls to its own services would go to another node.
    const runOnceStarted = async () => this.broker.started && this.retention.run();
    this.wake = this.schedule("Retention", configOf(this.broker).sweepIntervalMs, runOnceStarted, 0.2);
  },
});

const secondsSince = (at: number | null): number => (at === null ? 0 : Math.max(0, (Date.now() - at) / 1000));
