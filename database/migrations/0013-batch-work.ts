/**
 * A narrow row for the columns that change while a worker or an upload holds a batch. The wide row of `batch` is written only
 * when the batch is taken and when it is given back.
 */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

/**
 * A row for each batch that a worker runs (`fence` > 0) and for each upload that its node receives (`fence` = 0, no owner).
 * `due_at`: when the lease expires; in `batch` it is NULL meanwhile. There is no index but the key, so an update stays in its page.
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
    // Running leases stay in `batch`. Only batches that are taken from now on have a row here.
    for (const statement of [...createTable(batchWork, ddl), ...ddl.workTaken]) await query(statement);
  },
};
