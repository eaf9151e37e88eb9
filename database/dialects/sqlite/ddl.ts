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
};
