import type { CatalogList, FoundColumn, FoundTable } from "../list.types.ts";

/** Lists tables without partitions, because records are written to the partitioned table itself. */
const TABLES = `SELECT c.oid::text AS id, n.nspname::text AS schema, c.relname::text AS name
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
ORDER BY n.nspname, c.relname LIMIT $1::int`;
const COLUMNS = `SELECT a.attrelid::text AS id, a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
  NOT a.attnotnull AS "isNullable",
  EXISTS (SELECT FROM pg_catalog.pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
    WHERE i.indrelid = a.attrelid AND i.indisprimary AND k.place <= i.indnkeyatts AND k.attnum = a.attnum) AS "isKey"
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = ANY ($1::text::oid[]) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum`;

export const listPostgres: CatalogList = {
  tables: (ask, most) => ask<FoundTable>(TABLES, [most]),
  columns: (ask, ids) => ask<FoundColumn>(COLUMNS, [`{${ids.join(",")}}`]),
};
