/**
 * Forbids lock escalation. With it, the row locks of one commit could become a table lock, and all other workers would
 * wait.
 */
import type { Migration } from "./ddl.ts";

/** Tables in which the commit of a chunk writes thousands of rows. */
const tables = ["record", "record_key", "record_error"];

export const rowLocks: Migration = {
  name: "0007-row-locks",
  async up({ ddl, query }) {
    if (ddl.rowLocks) for (const table of tables) await query(ddl.rowLocks(table));
  },
};
