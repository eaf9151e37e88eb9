/** The statements that undo a batch's rows in a table of SQLite. */
import { quotedIn, quotedTable } from "../names.ts";
import { isFree, referredText } from "../undo.text.ts";
import type { BatchRows, Referring, UndoTexts } from "../undo.types.ts";

/** `identity`: whether the table is WITHOUT ROWID. */
const INDEX = `SELECT l.wr AS identity FROM pragma_table_list($1) AS l WHERE l.schema = 'main' AND EXISTS (
  SELECT 1 FROM pragma_index_list($2) AS i, pragma_index_xinfo(i.name) AS x
  WHERE i.partial = 0 AND x.seqno = 0 AND x.name = $3 COLLATE NOCASE)`;

/** A foreign key that names no columns of the other table leads to that table's primary key. */
const REFERRING = `SELECT m.name AS "table", f.id AS id, f."from" AS "column", p.name AS parent
FROM main.sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f
JOIN pragma_table_info($1) AS p ON p.name = f."to" COLLATE NOCASE OR (f."to" IS NULL AND p.pk = f.seq + 1)
WHERE m.type = 'table' AND f."table" = $2 COLLATE NOCASE ORDER BY m.name, f.id, f.seq`;

interface KeyColumn {
  table: string;
  id: number;
  column: string;
  parent: string;
}

const referringOf = (rows: KeyColumn[]): Referring[] =>
  [...Map.groupBy(rows, ({ table, id }) => JSON.stringify([table, id])).values()].map((of) => ({
    constraint: null,
    schema: "main",
    table: of[0]?.table as string,
    columns: of.map(({ column }) => column),
    parentColumns: of.map(({ parent }) => parent),
  }));

const isOfBatch = ({ column }: BatchRows) => `t.${quotedIn("sqlite", column.name)} = $1`;

export const sqliteUndo: UndoTexts = {
  index: ({ name }, column) => ({ text: INDEX, values: [name, name, column.name] }),
  identity(table, isWithoutRowid) {
    const primary = table.keys.find(({ isPrimary }) => isPrimary);
    return Number(isWithoutRowid) === 1 && primary
      ? primary.columns.map((name) => quotedIn("sqlite", name))
      : ["_rowid_"];
  },
  referring: ({ name }) => ({ text: REFERRING, values: [name, name], made: referringOf }),
  remove(rows, limit, batch) {
    const found = rows.identity.map((name) => `t.${name}`).join(", ");
    const text = `DELETE FROM ${quotedTable(rows.table)} WHERE (${rows.identity.join(", ")}) IN (
      SELECT ${found} FROM ${quotedTable(rows.table)} AS t WHERE ${isOfBatch(rows)}${isFree(rows, "t")} LIMIT ${limit}) RETURNING 1 AS n`;
    return { text, values: [batch] };
  },
  left: (rows) => `SELECT 1 AS n FROM ${quotedTable(rows.table)} AS t WHERE ${isOfBatch(rows)} LIMIT 1`,
  isReferred: (rows, by) => referredText(rows, by, "$1"),
};
