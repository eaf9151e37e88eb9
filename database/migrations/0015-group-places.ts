/** Small batches that a worker has claimed together take one of their client's places. */
import type { Migration } from "./migration.ts";

export const groupPlaces: Migration = {
  name: "0015-group-places",
  async up({ ddl, query }) {
    // What the batch has of its client's places, 1 or 0. What runs now was claimed alone.
    await query(`ALTER TABLE "batch_work" ADD "place" ${ddl.types.int} NOT NULL DEFAULT 1`);
  },
};
