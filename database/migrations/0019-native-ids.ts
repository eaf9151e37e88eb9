/**
 * Changes public ids to the database's UUID type: 16 bytes instead of a text of 37 bytes (PostgreSQL) or 72 bytes (SQL
 * Server).
 */
import type { IdColumn } from "../dialect.ts";
import type { Migration } from "./ddl.ts";

const publicId: IdColumn = { name: "public_id", isUnique: true };
const tables: Record<string, IdColumn[]> = {
  client: [publicId],
  batch: [publicId, { name: "retry_of", isNull: true }],
  delivery: [publicId, { name: "claim", isNull: true }],
};

export const nativeIds: Migration = {
  name: "0019-native-ids",
  async up({ ddl, query }) {
    for (const [table, columns] of Object.entries(tables))
      for (const statement of ddl.idsNative?.(table, columns) ?? []) await query(statement);
  },
};
