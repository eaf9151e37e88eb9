/**
 * Traits of the company's table that its catalog tells and the plan lacks: how its keys compare, and whether the order
 * of rows matters.
 */

import { quotedTable } from "../../../targets/names.ts";
import { isOrdered, type Rules } from "../../../targets/plan.ts";
import type { TablePlan, TargetTable } from "../../../targets/target.ts";
import type { Transaction } from "../transaction.ts";

export interface Traits {
  oid: number;
  /** The quoted collations by column, for columns that have a collation of their own. */
  collations: Record<string, string>;
  /** The columns of each constraint and unique index. For a constraint of a domain: the only column of that domain. */
  constraints: Record<string, string[]>;
  /** Whether writing a whole chunk at once could have another result than writing its rows one by one. */
  isOrdered: boolean;
  /** Whether the table can see the order in which new rows come: a default counts them, or a trigger runs for each. */
  seesOrder: boolean;
}

interface RawTraits extends Pick<Traits, "collations" | "constraints" | "seesOrder">, Rules {
  oid: string;
}

const columnsOf = (numbers: string) => `(SELECT coalesce(json_agg(a.attname ORDER BY p.at), '[]')
  FROM unnest(${numbers}) WITH ORDINALITY AS p(no, at) LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.no)`;

/** The bits of `tgtype` for a trigger that runs for each row of an INSERT. */
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

/**
 * The table's own names for the unique indexes of its partitions. The server's errors have the names of the partitions'
 * indexes.
 */
export async function namesOfTable(unit: Transaction, { oid, constraints }: Traits, names: string[]) {
  const unknown = new Set(names.filter((name) => name && !Object.hasOwn(constraints, name)));
  if (unknown.size === 0) return new Map<string, string>();
  const found = await unit.run<{ name: string; of: string }>(OF_TABLE, [oid, [...unknown]]);
  return new Map(found.map(({ name, of }) => [name, of]));
}

// The name of a table, and a text literal, in PostgreSQL's SQL.
export const tableOf = (table: TargetTable): string => quotedTable(table);
export const literal = (text: string): string => `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
