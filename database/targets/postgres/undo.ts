/** The statements that undo a batch's rows in a table of PostgreSQL. */
import { plainType } from "../../dialects/postgres/table/columns.ts";
import { isUuid } from "../../rows.ts";
import { quotedIn, quotedTable } from "../names.ts";
import { isFree, referredText } from "../undo.text.ts";
import type { BatchRows, Referring, UndoTexts } from "../undo.types.ts";
import { namesOf } from "./references.ts";

const INDEX = `SELECT '' AS identity FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam AND m.amname IN ('btree', 'hash')
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = to_regclass($1) AND a.attname = $2::text AND i.indisvalid AND i.indpred IS NULL LIMIT 1`;

/** The foreign keys that refer to the table. For a partitioned table only its own key counts, not those of its partitions. */
const REFERRING = `SELECT c.conname::text AS "constraint", n.nspname::text AS schema, p.relname::text AS "table",
  ${namesOf("c.conrelid", "c.conkey")} AS columns, ${namesOf("c.confrelid", "c.confkey")} AS "parentColumns"
FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class p ON p.oid = c.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace
WHERE c.confrelid = to_regclass($1) AND c.contype = 'f'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.oid = c.conparentid AND o.confrelid = c.confrelid)
ORDER BY c.conname`;

const isOfBatch = ({ column }: BatchRows, of: string, batch = "$1") =>
  `${of}.${quotedIn("postgres", column.name)} = ${batchIn(column, batch)}`;
const batchIn = ({ type }: BatchRows["column"], batch = "$1") => `${batch}::${plainType(type)}`;

/**
 * Locks the rows first, so that no new row can refer to them. A second statement then checks again for references,
 * because the first does not see those made after it began, and a cascading key would delete them too. All statements
 * are one message, so no row stays locked while a node sleeps. `tableoid` is compared too, because rows of different
 * partitions can have the same `ctid`.
 */
function remove(rows: BatchRows, limit: number, batch: string): string[] {
  if (!isUuid(batch)) throw new Error(`The id of a batch is no UUID: ${batch}.`);
  const table = quotedTable(rows.table);
  const id = `'${batch}'`;
  return [
    "BEGIN ISOLATION LEVEL READ COMMITTED",
    `SELECT set_config('dataflow.places', coalesce(array_agg(x.ctid)::text, '{}'), true) AS places,
  set_config('dataflow.rows', coalesce(array_agg(x.tableoid::text || x.ctid::text)::text, '{}'), true) AS rows
FROM (SELECT t.ctid, t.tableoid FROM ${table} AS t WHERE ${isOfBatch(rows, "t", id)}${isFree(rows, "t")}
  LIMIT ${limit} FOR UPDATE OF t SKIP LOCKED) AS x`,
    `DELETE FROM ${table} AS d WHERE d.ctid = ANY (current_setting('dataflow.places')::tid[])
  AND d.tableoid::text || d.ctid::text = ANY (current_setting('dataflow.rows')::text[])
  AND ${isOfBatch(rows, "d", id)}${isFree(rows, "d")} RETURNING 1 AS n`,
    "COMMIT",
  ];
}

export const postgresUndo: UndoTexts = {
  index: (table, column) => ({ text: INDEX, values: [quotedTable(table), column.name] }),
  identity: () => ["tableoid", "ctid"],
  referring: (table) => ({ text: REFERRING, values: [quotedTable(table)], made: (rows: Referring[]) => rows }),
  remove,
  left: (rows) => `SELECT 1 AS n FROM ${quotedTable(rows.table)} AS t WHERE ${isOfBatch(rows, "t")} LIMIT 1`,
  isReferred: (rows, by) => referredText(rows, by, batchIn(rows.column)),
};
