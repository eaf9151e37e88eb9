/** What SQL Server's catalog tells of a table. */
import type { NamePart } from "../../../config/tables.ts";
import { isOwnTable, OWN_TABLE, ownSigns, quotedIn } from "../names.ts";
import type { Ask, Described, TargetColumn, TargetKey } from "../target.ts";
import { columnType, type TypeRow } from "./types.ts";

interface TableRow {
  id: number;
  schema: string;
  name: string;
  type: string;
  beside: number;
}

const SIGNS = ownSigns.map((name) => `N'${name}'`).join(", ");

/** Finds a table. For a name without a schema OBJECT_ID looks in the login's own schema first, then in dbo. */
const TABLE = `SELECT o.object_id AS id, s.name AS [schema], o.name AS name, RTRIM(o.type) AS type,
  (SELECT COUNT(*) FROM sys.tables m WHERE m.schema_id = o.schema_id AND m.name IN (${SIGNS})) AS beside
FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
WHERE o.object_id = OBJECT_ID($1) AND o.type IN ('U', 'V')`;

interface ColumnRow extends TypeRow {
  name: string;
  isNotNull: boolean;
  hasDefault: boolean;
  isReadOnly: boolean;
}

/** A user-defined type is resolved to its base type. `utf8`: lengths are in bytes of UTF-8. The server fills rowversions. */
const COLUMNS = `SELECT c.name AS name, t.name AS type, c.max_length AS length, c.precision AS precision, c.scale AS scale,
  CAST(1 - c.is_nullable AS BIT) AS isNotNull, CAST(CASE WHEN c.default_object_id <> 0 THEN 1 ELSE 0 END AS BIT) AS hasDefault,
  CAST(CASE WHEN c.is_computed = 1 OR c.is_identity = 1 OR c.generated_always_type <> 0 OR t.name = N'timestamp' THEN 1 ELSE 0 END AS BIT) AS isReadOnly
FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.system_type_id
WHERE c.object_id = $1 AND c.is_hidden = 0 ORDER BY c.column_id`;

interface KeyRow {
  name: string;
  isPrimary: boolean;
  column: string;
}

/** An index with IGNORE_DUP_KEY drops rows without an error. */
const KEYS = `SELECT i.name AS name, i.is_primary_key AS isPrimary, c.name AS [column]
FROM sys.indexes i
JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.is_included_column = 0 AND k.key_ordinal > 0
JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = $1 AND i.is_unique = 1 AND i.has_filter = 0 AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND i.ignore_dup_key = 0
ORDER BY i.is_primary_key DESC, i.name, k.key_ordinal`;

interface HindranceRow {
  name: string;
  kind: "index" | "trigger";
}

/**
 * Indexes and INSTEAD OF triggers that may drop rows without an error. The server's row count still includes such rows.
 */
const SWALLOWING = `SELECT x.name AS name, x.kind AS kind FROM (
  SELECT i.object_id AS id, i.name AS name, 'index' AS kind FROM sys.indexes i WHERE i.is_unique = 1 AND i.ignore_dup_key = 1
  UNION ALL SELECT t.parent_id, t.name, 'trigger' FROM sys.triggers t WHERE t.is_instead_of_trigger = 1 AND t.is_disabled = 0) x
WHERE x.id = $1`;

const hindrances = {
  index: (name: string) => `the index ${name} drops rows (IGNORE_DUP_KEY): expected one that refuses them`,
  trigger: (name: string) =>
    `the trigger ${name} stands INSTEAD OF what is written: expected none, or one that comes AFTER`,
};

export async function describeMssql(ask: Ask, parts: readonly NamePart[]): Promise<Described> {
  const quoted = parts.map(({ text }) => quotedIn("mssql", text)).join(".");
  const [found] = await ask<TableRow>(TABLE, [quoted]);
  if (!found) return { fault: "there is no such table, or the login may not see it", isMissing: true };
  if (isOwnTable(found.name, found.beside === ownSigns.length)) return { fault: OWN_TABLE };
  if (found.type !== "U") return { fault: "is a view: expected a table" };
  const [columns, keys, swallowing] = await Promise.all([
    ask<ColumnRow>(COLUMNS, [found.id]),
    ask<KeyRow>(KEYS, [found.id]),
    ask<HindranceRow>(SWALLOWING, [found.id]),
  ]);
  return {
    table: {
      dialect: "mssql",
      schema: found.schema,
      name: found.name,
      columns: columns.map(columnOf),
      keys: keysOf(keys),
      toldConstraints: null,
      hindrances: swallowing.map(({ name, kind }) => hindrances[kind](name)),
    },
  };
}

const columnOf = ({ name, isNotNull, hasDefault, isReadOnly, ...type }: ColumnRow): TargetColumn => ({
  name,
  ...columnType(type),
  isNotNull: Boolean(isNotNull),
  hasDefault: Boolean(hasDefault),
  isReadOnly: Boolean(isReadOnly),
});

const keysOf = (rows: KeyRow[]): TargetKey[] =>
  [...Map.groupBy(rows, ({ name }) => name)].map(([name, parts]) => ({
    name,
    columns: parts.map(({ column }) => column),
    isPrimary: Boolean(parts[0]?.isPrimary),
  }));
