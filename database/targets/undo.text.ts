/**
 * Parts of the undo statements that all dialects share. Aliases: `t` and `d` are rows of the batch, `c` a row that
 * refers to one.
 */
import { isSameName, quotedIn, quotedTable } from "./names.ts";
import type { BatchRows, Referring } from "./undo.types.ts";

const leads = ({ table: { dialect } }: BatchRows, of: string, { columns, parentColumns }: Referring): string =>
  columns
    .map((name, i) => `c.${quotedIn(dialect, name)} = ${of}.${quotedIn(dialect, parentColumns[i] as string)}`)
    .join(" AND ");

const tableOf = ({ table: { dialect } }: BatchRows, { schema, table: name }: Referring): string =>
  quotedTable({ dialect, schema, name });

const isSelf = ({ table }: BatchRows, by: Referring): boolean =>
  isSameName(table.dialect, by.table, table.name) && isSameName(table.dialect, by.schema, table.schema);

/** A row that refers only to itself can be deleted. Rows to which the key would cascade count as references, too. */
export function isFree(rows: BatchRows, of: string, hint = ""): string {
  const { dialect } = rows.table;
  return rows.referring
    .map((by) => {
      const names = rows.identity.length > 0 ? rows.identity : by.parentColumns.map((name) => quotedIn(dialect, name));
      const same = names.map((name) => `c.${name} = ${of}.${name}`).join(" AND ");
      const other = isSelf(rows, by) ? ` AND NOT (${same})` : "";
      return ` AND NOT EXISTS (SELECT 1 FROM ${tableOf(rows, by)} AS c${hint} WHERE ${leads(rows, of, by)}${other})`;
    })
    .join("");
}

/** Rows of the same batch are deleted together, so their references do not count. */
export function referredText(rows: BatchRows, by: Referring, batch: string): string {
  const { dialect } = rows.table;
  const column = quotedIn(dialect, rows.column.name);
  const others = isSelf(rows, by) ? ` AND (c.${column} IS NULL OR c.${column} <> t.${column})` : "";
  const [top, limit] = dialect === "mssql" ? ["TOP (1) ", ""] : ["", " LIMIT 1"];
  return `SELECT ${top}1 AS n FROM ${quotedTable(rows.table)} AS t JOIN ${tableOf(rows, by)} AS c ON ${leads(rows, "t", by)}
    WHERE t.${column} = ${batch}${others}${limit}`;
}
