/**
 * `retry_of`: the public id of the batch whose rejected records a retry sends again. The id stays when retention
 * deletes that batch.
 */
import type { Migration } from "./ddl.ts";

export const retryOf: Migration = {
  name: "0004-retry-of",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "batch" ADD "retry_of" ${ddl.types.uuid}`);
  },
};
