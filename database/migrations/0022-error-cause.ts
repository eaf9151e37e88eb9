/**
 * Where an error was found: the column of the file, and the start of the cell's text. Errors of earlier releases have
 * NULL in both.
 */
import type { Migration } from "./ddl.ts";

export const errorCause: Migration = {
  name: "0022-error-cause",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "record_error" ADD "source" ${ddl.types.text}`);
    await query(`ALTER TABLE "record_error" ADD "value" ${ddl.types.text}`);
  },
};
