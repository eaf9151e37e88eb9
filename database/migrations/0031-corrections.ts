/**
 * `corrects`: the batch that a correction corrects. `corrected`: how many rejected records of a batch were corrected.
 * NULL: none.
 */
import type { Migration } from "./ddl.ts";

export const corrections: Migration = {
  name: "0031-corrections",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "batch" ADD "corrects" ${ddl.types.uuid}`);
    await query(`ALTER TABLE "batch" ADD "corrected" ${ddl.types.bigint}`);
  },
};
