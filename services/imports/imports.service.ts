/**
 * Makes batches of bodies. The api hands a body over while it arrives. This actor checks it against the client's policy, cuts it
 * into chunks, stores them, and makes the batch in one commit. A retry of rejected records goes the same way. Before the commit
 * there is no batch. The chunks of a refused or interrupted upload are deleted again; `retention` deletes those of a node that
 * died. While the database is away, every upload is refused with `unavailable`.
 */
import type { Context } from "moleculer";
import { configOf } from "../../config/config.ts";
import { readWhenAsked } from "../../lib/metrics/figures.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { fields } from "../../mixins/define.ts";
import { scheduleMixin } from "../../mixins/schedule.ts";
import { hasAlerts } from "../alerts.ts";
import { announceBatch, standingTold } from "../batches.ts";
import { defineActor } from "../define.ts";
import type { ParamsOf } from "../messages.ts";
import { check } from "./imports.check.ts";
import { commitChecked } from "./imports.commit.ts";
import { preview } from "./imports.preview.ts";
import { receive } from "./imports.receive.ts";
import { retryRejected } from "./imports.retry.ts";
import { rows } from "./imports.rows.ts";
import { type Intake, RunningUploads } from "./imports.running.ts";
import { tryDraft } from "./imports.try.ts";

interface State {
  uploads: RunningUploads;
  intake: Intake;
}

const active = {
  name: "dataflow_uploads_active",
  help: "Uploads and checks that are under way.",
  type: "gauge",
} as const;
const bytes = { name: "dataflow_upload_bytes_total", help: "Decoded bytes of uploads.", type: "counter" } as const;

export default defineActor({
  name: "imports",
  mixins: [databaseMixin, scheduleMixin],
  state: fields<State>(),

  created() {
    readWhenAsked(this.broker, active, () => [{ value: this.uploads?.running ?? 0 }]);
    readWhenAsked(this.broker, bytes, () => [{ value: this.uploads?.bytes ?? 0 }]);
  },

  async drain() {
    await this.endSchedules();
    // A stop can come before the start has finished.
    await this.uploads?.end();
  },

  actions: {
    create(ctx) {
      return receive(this.intake, ctx as Context<ParamsOf<"imports.create">>);
    },
    retryRejected(ctx) {
      return retryRejected(this.intake, ctx);
    },
    commitChecked(ctx) {
      return commitChecked(this.intake, ctx);
    },
    preview(ctx) {
      return preview(this.intake, ctx);
    },
    rows(ctx) {
      return rows(this.intake, ctx);
    },
    check(ctx) {
      return check(this.intake, ctx as Context<ParamsOf<"imports.check">>);
    },
    tryDraft(ctx) {
      return tryDraft(this.intake, ctx as Context<ParamsOf<"imports.tryDraft">>);
    },
    usage(ctx) {
      return this.database.store.usage(ctx.params.clientId);
    },
    running(ctx) {
      return this.uploads.runningOf(ctx.params.clientId);
    },
    refuseAll() {
      this.uploads.refuse();
    },
  },

  async started() {
    const { batchLeaseMs: leaseMs, namespace } = configOf(this.broker);
    const { store } = this.database;
    this.uploads = new RunningUploads(store, leaseMs);
    const batchLog = this.broker.getLogger("batch");
    const announce: Intake["announce"] = (written) => {
      standingTold(batchLog, written.batch);
      announceBatch(this.broker, written);
    };
    this.intake = { store, uploads: this.uploads, leaseMs, namespace, hasAlerts: hasAlerts(this.broker), announce };
    this.schedule("Renewing leases of uploads", leaseMs / 3, () => this.uploads.touch());
  },
});
