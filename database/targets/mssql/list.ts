import type { CatalogList, FoundTable } from "../list.types.ts";
import { columnType, type TypeRow } from "./types.ts";

const TABLES = `SELECT TOP (CAST($1 AS INT)) CAST(t.object_id AS NVARCHAR(20)) AS id, s.name AS [schema], t.name AS name
FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id WHERE t.is_ms_shipped = 0 ORDER BY s.name, t.name`;
const COLUMNS = `SELECT CAST(c.object_id AS NVARCHAR(20)) AS id, c.name AS name, t.name AS type, c.max_length AS length,
  c.precision AS precision, c.scale AS scale, c.is_nullable AS isNullable,
  CAST(CASE WHEN EXISTS (SELECT 1 FROM sys.indexes i JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
    WHERE i.object_id = c.object_id AND i.is_primary_key = 1 AND k.column_id = c.column_id AND k.key_ordinal > 0) THEN 1 ELSE 0 END AS BIT) AS isKey
FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.system_type_id
WHERE c.object_id IN (SELECT CAST(listed.value AS INT) FROM OPENJSON($1) AS listed) AND c.is_hidden = 0 ORDER BY c.object_id, c.column_id`;

type ColumnRow = TypeRow & { id: string; name: string; isNullable: boolean; isKey: boolean };

export const listMssql: CatalogList = {
  tables: (ask, most) => ask<FoundTable>(TABLES, [most]),
  async columns(ask, ids) {
    const rows = await ask<ColumnRow>(COLUMNS, [JSON.stringify(ids)]);
    return rows.map(({ id, name, isNullable, isKey, ...type }) => ({
      id,
      name,
      type: columnType(type).type,
      isNullable: Boolean(isNullable),
      isKey: Boolean(isKey),
    }));
  },
};
