import { ALL } from "../../counts.ts";
import type { Ddl, Place } from "../../dialect.ts";

/**
 * Ids use AUTOINCREMENT. Otherwise SQLite reuses the id of a deleted last row, and a late "delete row 7" of the outbox
 * would delete another event. Tables with a primary key of their own are WITHOUT ROWID: each is one B-tree instead of
 * two, so a small commit writes fewer pages.
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
  // Each counter has one row. A state that is not counted has no row, so updates for it change nothing.
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
  countAnew: [],
  workTaken: [],
  workTakenWithTables: [],
};

/** When a table is renamed, its indexes and triggers move with it, and SQLite renames the table in their texts. */
export const place: Place = {
  make: () => [],
  move: (table, to) => `ALTER TABLE "${table}" RENAME TO ${to.of(table)}`,
  dropTriggers: () => ["insert", "update", "delete"].map((on) => `DROP TRIGGER IF EXISTS "batch_count_${on}"`),
};
