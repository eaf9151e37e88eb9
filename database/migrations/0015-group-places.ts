/** The batches of a group take only one of their client's places. */
import type { Migration } from "./ddl.ts";

export const groupPlaces: Migration = {
  name: "0015-group-places",
  async up({ ddl, query }) {
    // 1: the batch holds a place of its client; 0: another batch of its group does. Batches that run now were claimed alone.
    await query(`ALTER TABLE "batch_work" ADD "place" ${ddl.types.int} NOT NULL DEFAULT 1`);
  },
};
