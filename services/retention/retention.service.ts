/**
 * Deletes expired data: bodies of batches that ended, whole batches, uploads that broke off, errors of earlier
 * passes, idempotency keys, unique keys and usage. Every node with a database takes part. It works in short pieces in a
 * rhythm of its own, so that no lease, window or retry waits for it. It deletes nothing while the database's clock is in
 * doubt, and while the database is away it waits for the next round.
 */

import { configOf } from "../../config/config.ts";
import { readWhenAsked } from "../../lib/metrics/figures.ts";
import { clockMixin } from "../../mixins/clock.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { actors } from "../actors.ts";
import { retentionDue } from "../batches.ts";
import { defineActor } from "../define.ts";
import { Retention } from "./retention.rounds.ts";

interface State {
  retention: Retention;
  /** Runs a round soon. */
  wake: () => void;
}

const held = {
  name: "dataflow_retention_held",
  help: "Whether nothing is deleted by its age, because the database's clock is in doubt.",
  type: "gauge",
} as const;

export default defineActor({
  name: "retention",
  mixins: [databaseMixin, scheduleMixin, clockMixin],
  state: fields<State>(),

  created() {
    readWhenAsked(this.broker, held, () => [{ value: this.clock.isTrusted ? 0 : 1 }]);
  },

  methods: {
    async drain() {
      // A stop can come before the start has finished.
      this.retention?.end();
      await this.endSchedules();
      await this.clock.end();
    },
  },

  actions: {
    wake() {
      this.wake();
    },
  },

  async started() {
    this.retention = new Retention({
      store: this.database.store,
      logger: this.logger,
      mayDelete: () => this.clock.mayDelete(),
      retentionOf: async ({ clientId, policyVersion: version }) =>
        retentionDue((await actors.policy.version(this.broker, { clientId, version })).policy),
    });
    // While this node starts, calls to its own services would go to another node.
    const runOnceStarted = async () => this.broker.started && this.retention.run();
    this.wake = this.schedule("Retention", configOf(this.broker).sweepIntervalMs, runOnceStarted, 0.2);
  },
});
