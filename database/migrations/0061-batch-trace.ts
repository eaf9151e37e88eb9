/** `trace`: the trace of the request that created the batch. NULL: the request was not traced. */
import type { Migration } from "./ddl.ts";

export const batchTrace: Migration = {
  name: "0061-batch-trace",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "batch" ADD "trace" ${ddl.types.text}`);
  },
};
