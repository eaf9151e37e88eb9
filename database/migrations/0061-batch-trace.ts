/** The trace of the request that has made a batch. Null: nobody traced it. */
import type { Migration } from "./ddl.ts";

export const batchTrace: Migration = {
  name: "0061-batch-trace",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "batch" ADD "trace" ${ddl.types.text}`);
  },
};
