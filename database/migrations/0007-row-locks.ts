/** Many rows of one statement stay many locks: a lock of their whole table would have all other workers wait for one commit. */
import type { Migration } from "./migration.ts";

/** What a chunk's commit writes by the thousand. */
const tables = ["record", "record_key", "record_error"];

export const rowLocks: Migration = {
  name: "0007-row-locks",
  async up({ ddl, query }) {
    if (ddl.rowLocks) for (const table of tables) await query(ddl.rowLocks(table));
  },
};
