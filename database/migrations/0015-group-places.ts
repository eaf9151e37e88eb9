/** The batches of a group together take one of their client's places. */
import type { Migration } from "./ddl.ts";

export const groupPlaces: Migration = {
  name: "0015-group-places",
  async up({ ddl, query }) {
    // `place`: 1 if the batch holds a place of its client, 0 if another batch of its group does. 1 for batches that run
    // during the migration, because each was claimed alone.
    await query(`ALTER TABLE "batch_work" ADD "place" ${ddl.types.int} NOT NULL DEFAULT 1`);
  },
};
