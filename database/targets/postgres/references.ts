/** Foreign keys as PostgreSQL's catalog tells them, and the search for what they lead to. */
import { plainType } from "../../dialects/postgres/table/columns.ts";
import { quotedIn, quotedTable } from "../names.ts";
import type { RawReference, TableReference, TargetColumn, TargetTable } from "../target.ts";

export const namesOf = (of: string, numbers: string) => `ARRAY(SELECT a.attname::text
  FROM unnest(${numbers}) WITH ORDINALITY AS k(attnum, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = ${of} AND a.attnum = k.attnum ORDER BY k.place)`;

/**
 * A foreign key to a partitioned table also has entries for its partitions. These are left out; the key itself
 * suffices.
 */
const KEYS = `SELECT c.conname::text AS "constraint", ${namesOf("c.conrelid", "c.conkey")} AS columns,
  n.nspname::text AS schema, p.relname::text AS "table", ${namesOf("c.confrelid", "c.confkey")} AS "parentColumns",
  NOT EXISTS (SELECT FROM unnest(c.confkey) AS k(attnum)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum
    JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation WHERE NOT o.collisdeterministic) AS "isByCharacters"
FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class p ON p.oid = c.confrelid
JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace
WHERE c.conrelid = to_regclass($1) AND c.contype = 'f'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.oid = c.conparentid AND o.conrelid = c.conrelid)
ORDER BY c.conname`;

export const postgresKeys = (table: TargetTable) => ({
  text: KEYS,
  values: [quotedTable(table)],
  made: (rows: RawReference[]) => rows,
});

export function postgresUnknown({ parent }: TableReference, columns: TargetColumn[]): string {
  const isSame = parent.columns.map(
    (name, i) => `p.${quotedIn("postgres", name)} = (x.v ->> ${i})::${plainType((columns[i] as TargetColumn).type)}`,
  );
  return `SELECT (x.n - 1)::int AS n FROM json_array_elements($1::json) WITH ORDINALITY AS x(v, n)
    WHERE NOT EXISTS (SELECT FROM ${quotedTable({ dialect: "postgres", ...parent })} p WHERE ${isSame.join(" AND ")})`;
}
