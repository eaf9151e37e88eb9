/** The types of columns as the migrations make them on SQL Server. */
import { ddl } from "../../../database/dialects/mssql/ddl.ts";
import { migrations } from "../../../database/migrations/migrate.ts";

const found = new Map<string, Set<string>>();

/** Steps run at once here: their queries are only read. */
async function query(sql: string): Promise<void> {
  for (const [, column, type] of sql.matchAll(
    /"(\w+)" ((?:BIGINT|INT|FLOAT|UNIQUEIDENTIFIER|N?VARCHAR|BINARY|VARBINARY)(?:\(\w+\))?)/g,
  )) {
    const types = found.get(column as string) ?? new Set();
    found.set(column as string, types.add(type as string));
  }
}
for (const step of migrations) void step.up({ ddl, query });

/** Every type that a column of this name has, in whatever table. */
export const columnTypes = (column: string): Set<string> => found.get(column) ?? new Set();
