/** What a batch of rejected records came from, by the id that everyone outside sees: `parent_id` is gone with its row. */
import type { Migration } from "./migration.ts";

export const retryOf: Migration = {
  name: "0004-retry-of",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "batch" ADD "retry_of" ${ddl.types.uuid}`);
  },
};
