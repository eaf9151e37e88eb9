/**
 * The audit: what operators have changed, who was refused, and who logged in. The row of a change is written by the service that
 * changes, in the same transaction. This service lists the rows, and writes those that belong to no change.
 */
import { addAudit } from "../../database/change.ts";
import { databaseMixin } from "../../mixins/database.ts";
import { defineActor } from "../define.ts";

export default defineActor({
  name: "audit",
  mixins: [databaseMixin],

  actions: {
    list(ctx) {
      return this.database.store.listAudit(ctx.params);
    },
    async record(ctx) {
      const { sequelize, models, now } = this.database;
      const nowMs = await now();
      await sequelize.transaction(async (transaction) => {
        for (const entry of ctx.params.entries) await addAudit(models, entry, { transaction, nowMs });
      });
    },
  },
});
