/** The statements that undo a batch's rows in a table of SQL Server. */
import { quotedIn, quotedTable } from "../names.ts";
import { isFree, referredText } from "../undo.text.ts";
import type { BatchRows, Referring, UndoTexts } from "../undo.types.ts";

/** An index of rows (1: clustered, 2: not) whose first column is a column of the key. */
const INDEX = `SELECT TOP (1) '' AS [identity] FROM sys.indexes AS i
JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal = 1
JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = OBJECT_ID($1) AND c.name = $2 AND i.type IN (1, 2)
  AND i.has_filter = 0 AND i.is_disabled = 0 AND i.is_hypothetical = 0`;

interface KeyColumn {
  constraint: string;
  schema: string;
  table: string;
  column: string;
  parent: string;
}

/** Foreign keys that refer to the table. A disabled one refuses nothing and cascades nothing, so it does not count. */
const REFERRING = `SELECT k.name AS [constraint], s.name AS [schema], t.name AS [table], c.name AS [column], p.name AS parent
FROM sys.foreign_keys AS k
JOIN sys.foreign_key_columns AS x ON x.constraint_object_id = k.object_id
JOIN sys.columns AS c ON c.object_id = x.parent_object_id AND c.column_id = x.parent_column_id
JOIN sys.columns AS p ON p.object_id = x.referenced_object_id AND p.column_id = x.referenced_column_id
JOIN sys.tables AS t ON t.object_id = k.parent_object_id JOIN sys.schemas AS s ON s.schema_id = t.schema_id
WHERE k.referenced_object_id = OBJECT_ID($1) AND k.is_disabled = 0 ORDER BY k.name, s.name, x.constraint_column_id`;

/** A name of a key is unique in its schema only. */
const referringOf = (rows: KeyColumn[]): Referring[] =>
  [...Map.groupBy(rows, ({ schema, constraint }) => JSON.stringify([schema, constraint])).values()].map((of) => ({
    constraint: of[0]?.constraint as string,
    schema: of[0]?.schema as string,
    table: of[0]?.table as string,
    columns: of.map(({ column }) => column),
    parentColumns: of.map(({ parent }) => parent),
  }));

const batchIn = ({ column }: BatchRows) => `CAST($1 AS ${column.type})`;
const isOfBatch = (rows: BatchRows) => `t.${quotedIn("mssql", rows.column.name)} = ${batchIn(rows)}`;

/** Skips rows that others have locked. READPAST alone is an error if the database keeps row versions. */
const UNLOCKED = "WITH (READCOMMITTEDLOCK, READPAST, ROWLOCK)";
/**
 * Locks the gap in the index of references, so that no row can begin to refer to a row before it is deleted. Waits for
 * a row that is being written.
 */
const GAPS = " WITH (HOLDLOCK)";

export const mssqlUndo: UndoTexts = {
  index: (table, column) => ({ text: INDEX, values: [quotedTable(table), column.name] }),
  identity: () => [],
  referring: (table) => ({ text: REFERRING, values: [quotedTable(table)], made: referringOf }),
  // A table with triggers allows no OUTPUT.
  remove: (rows, limit, batch) => ({
    text: `WITH d AS (SELECT TOP (${limit}) t.${quotedIn("mssql", rows.column.name)} FROM ${quotedTable(rows.table)} AS t ${UNLOCKED}
  WHERE ${isOfBatch(rows)}${isFree(rows, "t", GAPS)})
DELETE FROM d;
SELECT 1 AS n WHERE @@ROWCOUNT > 0`,
    values: [batch],
  }),
  left: (rows) => `SELECT TOP (1) 1 AS n FROM ${quotedTable(rows.table)} AS t WHERE ${isOfBatch(rows)}`,
  isReferred: (rows, by) => referredText(rows, by, batchIn(rows)),
};
