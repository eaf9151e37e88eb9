/** Batches that correct others: which one, and how many of a batch's rejected records were corrected. Null: none. */
import type { Migration } from "./ddl.ts";

export const corrections: Migration = {
  name: "0031-corrections",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "batch" ADD "corrects" ${ddl.types.uuid}`);
    await query(`ALTER TABLE "batch" ADD "corrected" ${ddl.types.bigint}`);
  },
};
