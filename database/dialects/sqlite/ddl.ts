import { ALL } from "../../counts.ts";
import type { Ddl } from "../../dialect.ts";

/**
 * AUTOINCREMENT: without it the id of a deleted last row is given again, and a late "delete row 7" of the outbox would hit another event.
 * WITHOUT ROWID wherever the key is ours: one tree a table instead of two, so a small commit writes fewer pages.
 */
export const ddl: Ddl = {
  types: {
    id: "INTEGER PRIMARY KEY AUTOINCREMENT",
    int: "INTEGER",
    bigint: "INTEGER",
    double: "REAL",
    uuid: "TEXT",
    name: "TEXT",
    text: "TEXT",
    hash: "BLOB",
    key: "BLOB",
    bytes: "BLOB",
  },
  options: (table) => (table.primaryKey ? " WITHOUT ROWID" : ""),
  // A row for each counter: states that are not counted have none.
  countBatches: [
    `CREATE TRIGGER "batch_count_insert" AFTER INSERT ON "batch" BEGIN
  UPDATE "batch_count" SET "n" = "n" + 1 WHERE "state" IN ('${ALL}', NEW."state");
END`,
    `CREATE TRIGGER "batch_count_update" AFTER UPDATE OF "state" ON "batch" WHEN OLD."state" <> NEW."state" BEGIN
  UPDATE "batch_count" SET "n" = "n" + CASE "state" WHEN NEW."state" THEN 1 ELSE -1 END WHERE "state" IN (OLD."state", NEW."state");
END`,
    `CREATE TRIGGER "batch_count_delete" AFTER DELETE ON "batch" BEGIN
  UPDATE "batch_count" SET "n" = "n" - 1 WHERE "state" IN ('${ALL}', OLD."state");
END`,
  ],
  workTaken: [],
};
