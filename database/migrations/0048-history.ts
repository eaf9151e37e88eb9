/** The history of batches: their holds, the moves that a person has requested, and their failed attempts. */
import type { Table } from "../dialect.ts";
import { createTable, type Migration } from "./ddl.ts";

const moves: Table = {
  name: "batch_move",
  columns: {
    batch_id: "bigint",
    n: "int",
    at: "bigint",
    from_state: "name",
    to_state: "name",
    kind: "name",
    who: "name?",
    code: "name?",
    detail: "text?",
    reason: "text?",
    was: "text?",
  },
  primaryKey: ["batch_id", "n"],
};

export const batchHistory: Migration = {
  name: "0048-history",
  async up({ ddl, query }) {
    for (const statement of createTable(moves, ddl)) await query(statement);
    // The columns accept NULL, because nodes of the previous release write attempts without them.
    for (const [column, type] of [
      ["attempt", ddl.types.int],
      ["chunk", ddl.types.int],
      ["to_state", ddl.types.name],
    ])
      await query(`ALTER TABLE "batch_attempt" ADD "${column}" ${type}`);
  },
};
