/**
 * `corrects`: which record a rejected record of a correction was to correct. NULL: none, or an earlier release rejected
 * the record.
 */
import type { Migration } from "./ddl.ts";

export const rejectedMarks: Migration = {
  name: "0036-rejected-marks",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "record_error" ADD "corrects" ${ddl.types.name}`);
  },
};
