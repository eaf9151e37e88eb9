/**
 * How many records a batch had rejected when an operator last continued it. The limits count only later rejections.
 * NULL: never continued.
 */
import type { Migration } from "./ddl.ts";

export const rejectedBefore: Migration = {
  name: "0026-rejected-before",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "batch" ADD "rejected_before" ${ddl.types.bigint}`);
  },
};
