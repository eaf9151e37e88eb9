/** Where an error was found: the file's column, and the start of the cell's text. Errors of earlier releases have neither. */
import type { Migration } from "./ddl.ts";

export const errorCause: Migration = {
  name: "0022-error-cause",
  async up({ ddl, query }) {
    await query(`ALTER TABLE "record_error" ADD "source" ${ddl.types.text}`);
    await query(`ALTER TABLE "record_error" ADD "value" ${ddl.types.text}`);
  },
};
