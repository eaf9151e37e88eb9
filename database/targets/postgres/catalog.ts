/** What PostgreSQL's catalog tells of a table. */
import type { NamePart } from "../../../config/tables.ts";
import { isOwnTable, OWN_TABLE, ownSigns } from "../names.ts";
import type { Ask, Described, TargetColumn, TargetKey } from "../target.ts";
import { columnType, type TypeRow } from "./types.ts";

interface TableRow {
  oid: string;
  schema: string;
  name: string;
  kind: string;
  hasRules: boolean;
  isBeside: boolean;
}

const SIGNS = ownSigns.map((name) => `'${name}'`).join(", ");

/** Finds a table. A name without a schema means the first table of this name on the search path. */
const TABLE = `SELECT c.oid::text AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
  c.relhasrules AS "hasRules",
  (SELECT count(*) FROM pg_catalog.pg_class m WHERE m.relnamespace = c.relnamespace AND m.relname IN (${SIGNS})) = ${ownSigns.length} AS "isBeside"
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = $1::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
  AND CASE WHEN $2::text IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = $2::text END`;

interface ColumnRow {
  name: string;
  isNotNull: boolean;
  hasDefault: boolean;
  isReadOnly: boolean;
  typeId: string;
  bounds: number;
  text: string;
}

const COLUMNS = `SELECT a.attname::text AS name, a.attnotnull AS "isNotNull",
  (a.atthasdef AND a.attgenerated = '') OR a.attidentity <> '' AS "hasDefault",
  a.attgenerated <> '' OR a.attidentity = 'a' AS "isReadOnly",
  a.atttypid::text AS "typeId", a.atttypmod AS bounds, pg_catalog.format_type(a.atttypid, a.atttypmod) AS text
FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`;

/** The types of the columns, and the types on which their domains and arrays are based. */
const TYPES = `WITH RECURSIVE needed(oid) AS (
  SELECT DISTINCT a.atttypid FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT inner_type.oid FROM needed JOIN pg_catalog.pg_type t ON t.oid = needed.oid
  CROSS JOIN LATERAL (VALUES (t.typbasetype), (CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END)) AS inner_type(oid)
  WHERE inner_type.oid <> 0)
SELECT t.oid::text AS oid, t.typname::text AS name, t.typtype::text AS type, n.nspname = 'pg_catalog' AS "isBuiltIn",
  nullif(t.typbasetype, 0)::text AS base, t.typtypmod AS bounds, pg_catalog.format_type(nullif(t.typbasetype, 0), t.typtypmod) AS "baseText",
  t.typnotnull AS "isNotNull", t.typdefault IS NOT NULL AS "hasDefault",
  CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem::text END AS element,
  (SELECT pg_catalog.array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid) AS "enumValues"
FROM needed JOIN pg_catalog.pg_type t ON t.oid = needed.oid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace`;

/** Included columns are no part of a key. An index is no key if its collation compares texts differently from the column. */
const KEYS = `SELECT c.relname::text AS name, i.indisprimary AS "isPrimary",
  ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE k.place <= i.indnkeyatts ORDER BY k.place) AS columns
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indisready AND i.indimmediate
  AND i.indpred IS NULL AND i.indexprs IS NULL
  AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[], i.indcollation::oid[]) AS k(attnum, collation_id)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND a.attcollation <> k.collation_id
    JOIN pg_catalog.pg_collation o ON o.oid IN (a.attcollation, k.collation_id) AND NOT o.collisdeterministic)
ORDER BY i.indisprimary DESC, c.relname`;

const refused: Readonly<Record<string, string>> = {
  v: "is a view: expected a table",
  m: "is a materialized view: expected a table",
  f: "is a foreign table: expected a table of this database",
};

export async function describePostgres(ask: Ask, parts: readonly NamePart[]): Promise<Described> {
  const [name, schema = null] = parts.map(({ text }) => text).toReversed();
  const [found] = await ask<TableRow>(TABLE, [name, schema]);
  if (!found) return { fault: "there is no such table, or the login may not see it", isMissing: true };
  const fault = isOwnTable(found.name, found.isBeside) ? OWN_TABLE : refused[found.kind];
  if (fault) return { fault };
  const [columns, types, keys] = await Promise.all([
    ask<ColumnRow>(COLUMNS, [found.oid]),
    ask<TypeRow>(TYPES, [found.oid]),
    ask<TargetKey>(KEYS, [found.oid]),
  ]);
  const byId = new Map(types.map((type) => [type.oid, type]));
  return {
    table: {
      dialect: "postgres",
      schema: found.schema,
      name: found.name,
      columns: columns.map((row) => columnOf(row, byId)),
      keys,
      toldConstraints: null,
      hindrances: found.hasRules ? ["the table has rules, which would rewrite what is written"] : [],
    },
  };
}

function columnOf(row: ColumnRow, types: ReadonlyMap<string, TypeRow>): TargetColumn {
  const { isNotNull, hasDefault, ...type } = columnType(row, types);
  return {
    name: row.name,
    ...type,
    isNotNull: row.isNotNull || isNotNull,
    hasDefault: row.hasDefault || hasDefault,
    isReadOnly: row.isReadOnly,
  };
}
