/**
 * A narrow table for the columns that change while a worker or an upload holds a batch. The wide row of `batch` is
 * written only when the batch is claimed and when it is released.
 */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

/**
 * One row for each batch that a worker runs (`fence` > 0), and for each upload that its node receives (`fence` = 0, no
 * owner). `due_at`: when the lease expires; `batch.due_at` is NULL meanwhile. The primary key is the only index, so
 * PostgreSQL can keep an updated row in its page (HOT).
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
    // Batches that run during the migration keep their lease in `batch`. Only batches claimed later get a row of
    // `batch_work`.
    for (const statement of [...createTable(batchWork, ddl), ...ddl.workTaken]) await query(statement);
  },
};
