/** What moves while somebody has a batch is in a narrow row of its own: the wide one is written when it is taken and when it is given back. */
import type { Table } from "../dialect.ts";
import { createTable } from "./ddl.ts";
import type { Migration } from "./migration.ts";

/**
 * A row for each batch that a worker runs (`fence` > 0) and for each upload that its node receives (`fence` = 0, no owner).
 * `due_at`: until when the lease lasts; in `batch` it is NULL meanwhile. No index but the key: so an update stays in its page.
 */
const batchWork: Table = {
  name: "batch_work",
  columns: {
    batch_id: "bigint",
    client_id: "bigint",
    owner: "name?",
    fence: "bigint",
    due_at: "bigint",
    pass: "int",
    next_chunk: "int",
    phase: "name",
    accepted: "bigint",
    rejected: "bigint",
    duplicate: "bigint",
    faults: "bigint",
    unlisted: "bigint",
    attempt: "int",
    version: "bigint",
  },
  primaryKey: ["batch_id"],
};

export const narrowRows: Migration = {
  name: "0013-batch-work",
  async up({ ddl, query }) {
    // Leases that run stay where they are: a batch that is taken from now on has a row here.
    for (const statement of [...createTable(batchWork, ddl), ...ddl.workTaken]) await query(statement);
  },
};
