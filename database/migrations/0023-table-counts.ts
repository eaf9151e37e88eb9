/**
 * How many rows a batch has created, updated and deleted in the company's own table. NULL: the batch goes into no
 * table.
 */
import type { Migration } from "./ddl.ts";

export const tableCounts: Migration = {
  name: "0023-table-counts",
  async up({ ddl, query }) {
    for (const table of ["batch", "batch_work"])
      for (const column of ["created", "updated", "deleted"])
        await query(`ALTER TABLE "${table}" ADD "${column}" ${ddl.types.bigint}`);
    for (const statement of ddl.workTakenWithTables) await query(statement);
  },
};
