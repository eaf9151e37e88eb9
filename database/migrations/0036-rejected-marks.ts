/** What a rejected record of a correction would have corrected. Null: nothing, or it was rejected by an earlier release. */
import type { Migration } from "./ddl.ts";

export const rejectedMarks: Migration = {
  name: "0036-rejected-marks",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "record_error" ADD "corrects" ${ddl.types.name}`);
  },
};
