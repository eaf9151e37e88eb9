/**
 * Bodies become batches. The api hands a body over as it comes in; this checks it against the client's policy, cuts it into
 * chunks, stores them, and makes the batch in one commit. A retry of rejected records goes the same way. Until the commit
 * there is no batch, and what a refused or broken-off upload stored is taken back; `retention` deletes what a node that
 * died left behind. While the database is away every upload is refused with `unavailable`.
 */
import type { Context } from "moleculer";
import { configOf } from "../../config/config.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { announceBatch } from "../announce.ts";
import { defineActor } from "../define.ts";
import type { ParamsOf } from "../messages.ts";
import type { Intake } from "./imports.intake.ts";
import { receive } from "./imports.receive.ts";
import { retryRejected } from "./imports.retry.ts";
import { RunningUploads } from "./imports.running.ts";

interface State {
  uploads: RunningUploads;
  intake: Intake;
}

export default defineActor({
  name: "imports",
  mixins: [databaseMixin, scheduleMixin],
  state: fields<State>(),

  methods: {
    async drain() {
      await this.endSchedules();
      // A stop can come before the start has finished.
      await this.uploads?.end();
    },
  },

  actions: {
    create(ctx) {
      return receive(this.intake, ctx as Context<ParamsOf<"imports.create">>);
    },
    retryRejected(ctx) {
      return retryRejected(this.intake, ctx);
    },
    refuseAll() {
      this.uploads.refuse();
    },
  },

  async started() {
    const { batchLeaseMs: leaseMs, namespace } = configOf(this.broker);
    const { store } = this.database;
    this.uploads = new RunningUploads(store, leaseMs);
    const announce: Intake["announce"] = (written) => announceBatch(this.broker, written);
    this.intake = { store, uploads: this.uploads, leaseMs, namespace, announce };
    this.schedule("Keeping uploads", leaseMs / 3, () => this.uploads.touch());
  },
});
