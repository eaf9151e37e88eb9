/** The column types that the migrations create on SQL Server. */
import { ddl } from "../../../database/dialects/mssql/ddl.ts";
import { migrations } from "../../../database/migrations/migrate.ts";

const found = new Map<string, Set<string>>();

/** Notes the text of each query instead of running it. */
async function query(sql: string): Promise<void> {
  for (const [, column, type] of sql.matchAll(
    /"(\w+)" ((?:BIGINT|INT|FLOAT|UNIQUEIDENTIFIER|N?VARCHAR|BINARY|VARBINARY)(?:\(\w+\))?)/g,
  )) {
    const types = found.get(column as string) ?? new Set();
    found.set(column as string, types.add(type as string));
  }
}
for (const step of migrations) void step.up({ ddl, query });

/** All types that a column of this name has, over all tables. */
export const columnTypes = (column: string): Set<string> => found.get(column) ?? new Set();
