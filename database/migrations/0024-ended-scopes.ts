/** Deleted datasets whose unique keys must still be deleted. */
import { createTable, type Migration } from "./ddl.ts";

export const endedScopes: Migration = {
  name: "0024-ended-scopes",
  async up({ ddl, query }) {
    const columns = { client_id: "bigint", scope: "name" } as const;
    const table = { name: "ended_scope", columns, primaryKey: ["client_id", "scope"] };
    for (const statement of createTable(table, ddl)) await query(statement);
  },
};
