/** Foreign keys as SQL Server's catalog tells them, and the search for what they lead to. */
import { quotedIn, quotedTable } from "../names.ts";
import type { RawReference, TableReference, TargetColumn, TargetTable } from "../target.ts";

interface KeyColumn {
  name: string;
  column: string;
  schema: string;
  table: string;
  parent: string;
}

/** A disabled key refuses nothing. */
const KEYS = `SELECT k.name AS name, c.name AS [column], s.name AS [schema], t.name AS [table], p.name AS parent
FROM sys.foreign_keys AS k
JOIN sys.foreign_key_columns AS x ON x.constraint_object_id = k.object_id
JOIN sys.columns AS c ON c.object_id = x.parent_object_id AND c.column_id = x.parent_column_id
JOIN sys.columns AS p ON p.object_id = x.referenced_object_id AND p.column_id = x.referenced_column_id
JOIN sys.tables AS t ON t.object_id = k.referenced_object_id JOIN sys.schemas AS s ON s.schema_id = t.schema_id
WHERE k.parent_object_id = OBJECT_ID($1) AND k.is_disabled = 0 ORDER BY k.name, x.constraint_column_id`;

export const mssqlKeys = (table: TargetTable) => ({
  text: KEYS,
  values: [quotedTable(table)],
  made: (rows: KeyColumn[]): RawReference[] =>
    [...Map.groupBy(rows, ({ name }) => name)].map(([constraint, of]) => ({
      constraint,
      columns: of.map(({ column }) => column),
      schema: of[0]?.schema as string,
      table: of[0]?.table as string,
      parentColumns: of.map(({ parent }) => parent),
      // Most collations of SQL Server ignore case, and all of them ignore blanks at the end of a text.
      isByCharacters: false,
    })),
});

export function mssqlUnknown({ parent }: TableReference, columns: TargetColumn[]): string {
  const values = columns.map(({ type }, i) => `TRY_CAST(JSON_VALUE(x.value, '$[${i}]') AS ${type})`);
  const isSame = parent.columns.map((name, i) => `p.${quotedIn("mssql", name)} = ${values[i]}`);
  return `SELECT CAST(x.[key] AS INT) AS n FROM OPENJSON($1) AS x
WHERE ${values.map((value) => `${value} IS NOT NULL`).join(" AND ")}
AND NOT EXISTS (SELECT 1 FROM ${quotedTable({ dialect: "mssql", ...parent })} AS p WHERE ${isSame.join(" AND ")})`;
}
