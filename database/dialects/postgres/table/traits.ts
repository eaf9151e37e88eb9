/** What a table's catalog tells that a plan does not: how its keys compare, and whether the order of rows matters. */

import { quotedTable } from "../../../targets/names.ts";
import { isOrdered, type Rules } from "../../../targets/plan.ts";
import type { TablePlan, TargetTable } from "../../../targets/target.ts";
import type { Transaction } from "../transaction.ts";

export interface Traits {
  oid: number;
  /** The collations of columns that have one, quoted. */
  collations: Record<string, string>;
  /** Columns of each constraint and unique index; the column of a domain that no other column has. */
  constraints: Record<string, string[]>;
  /** Whether a chunk at once could differ from its rows one by one. */
  isOrdered: boolean;
  /** Whether the table sees in which order its new rows come: a default counts them, or a trigger looks at each. */
  seesOrder: boolean;
}

interface RawTraits extends Pick<Traits, "collations" | "constraints" | "seesOrder">, Rules {
  oid: string;
}

const columnsOf = (numbers: string) => `(SELECT coalesce(json_agg(a.attname ORDER BY p.at), '[]')
  FROM unnest(${numbers}) WITH ORDINALITY AS p(no, at) LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.no)`;

/** In `tgtype`: of each row, and of an insert. */
const ROW_INSERT = 5;

const TEXT = `SELECT c.oid::text AS oid,
  coalesce((SELECT json_object_agg(a.attname, quote_ident(n.nspname) || '.' || quote_ident(o.collname)) FROM pg_attribute a
    JOIN pg_collation o ON o.oid = a.attcollation JOIN pg_namespace n ON n.oid = o.collnamespace
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND o.collname <> 'default'), '{}') AS collations,
  coalesce((SELECT json_object_agg(told.name, told.columns) FROM (
    SELECT k.conname AS name, ${columnsOf("k.conkey")} AS columns FROM pg_constraint k
      WHERE k.conrelid = c.oid AND k.conkey IS NOT NULL
    UNION ALL SELECT i.relname, ${columnsOf("x.indkey::int2[]")} FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
      WHERE x.indrelid = c.oid AND x.indisunique AND NOT EXISTS (SELECT FROM pg_constraint k
        WHERE k.conrelid = c.oid AND k.conname = i.relname AND k.conkey IS NOT NULL)
    UNION ALL SELECT k.conname, json_agg(a.attname) FROM pg_constraint k JOIN pg_attribute a ON a.atttypid = k.contypid
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped GROUP BY k.oid HAVING count(*) = 1
    ) told), '{}') AS constraints,
  EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid = c.oid)
    AS "refersToItself",
  coalesce((SELECT json_agg(${columnsOf("x.indkey::int2[]")}) FROM pg_index x
    WHERE x.indrelid = c.oid AND (x.indisunique OR x.indisexclusion)), '[]') AS "unique",
  EXISTS (SELECT FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) ~ '\\m(nextval|clock_timestamp)\\('))
    OR EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgtype & ${ROW_INSERT} = ${ROW_INSERT})
    AS "seesOrder"
FROM pg_class c WHERE c.oid = to_regclass($1)`;

/** Reads the traits of the table. Null: the table does not exist. */
export async function traitsOf(unit: Transaction, plan: TablePlan): Promise<Traits | null> {
  const [raw] = await unit.run<RawTraits>(TEXT, [tableOf(plan.table)]);
  if (!raw) return null;
  const { collations, constraints, seesOrder } = raw;
  return { oid: Number(raw.oid), collations, constraints, isOrdered: isOrdered(raw, plan), seesOrder };
}

const OF_TABLE = `SELECT i.relname AS name, p.relname AS "of" FROM pg_partition_tree($1::oid::regclass) tree
  JOIN pg_index x ON x.indrelid = tree.relid JOIN pg_class i ON i.oid = x.indexrelid AND i.relname = ANY ($2::text[])
  CROSS JOIN LATERAL pg_partition_ancestors(i.oid) above
  JOIN pg_index y ON y.indexrelid = above.relid AND y.indrelid = $1::oid JOIN pg_class p ON p.oid = y.indexrelid`;

/** What the table calls the unique indexes of its partitions, which the server tells by names of their own. */
export async function namesOfTable(unit: Transaction, { oid, constraints }: Traits, names: string[]) {
  const unknown = new Set(names.filter((name) => name && !Object.hasOwn(constraints, name)));
  if (unknown.size === 0) return new Map<string, string>();
  const found = await unit.run<{ name: string; of: string }>(OF_TABLE, [oid, [...unknown]]);
  return new Map(found.map(({ name, of }) => [name, of]));
}

// The name of a table, and a text, as PostgreSQL's SQL writes them.
export const tableOf = (table: TargetTable): string => quotedTable(table);
export const literal = (text: string): string => `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
