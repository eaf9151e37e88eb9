/** How many records a batch had rejected when it was last sent on: its limits count from there. Null: it was never sent on. */
import type { Migration } from "./ddl.ts";

export const rejectedBefore: Migration = {
  name: "0026-rejected-before",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "batch" ADD "rejected_before" ${ddl.types.bigint}`);
  },
};
