/**
 * Sends the rows that a batch needs. Many rows are loaded into temporary tables before the batch, so that nothing is
 * locked while they are sent. Few rows are sent within the batch, as table variables of the same names: one round trip
 * instead of four.
 */
import mssql from "mssql";
import { MismatchedAnswer } from "../../errors.ts";
import { type Kind, text as longText, type Value } from "./values.ts";

/** Above these limits, rows are loaded in bulk. */
const FEW_ROWS = 256;
const FEW_CHARACTERS = 32 * 1024;

export interface Staged {
  /** The name of the table, with its `#`. */
  name: string;
  columns: Record<string, Kind>;
  /**
   * The columns by which the batch sorts the rows when it reads them. Rows are loaded and stored in this order, so the
   * server need not sort.
   */
  order: string[];
  /** The values of each row, in the order of the columns. */
  rows: unknown[][];
}

/** Makes the temporary tables anew. A failed batch may have left rows in them, and the columns may differ. */
export const tableText = (tables: Staged[]) =>
  tables
    .map(({ name, columns, order }) => {
      const list = Object.entries(columns).map(([column, { sql }]) => `"${column}" ${sql} NULL`);
      const key = order.map((column) => `"${column}"`).join(", ");
      return `DROP TABLE IF EXISTS ${name}; CREATE TABLE ${name} (${list.join(", ")}); CREATE CLUSTERED INDEX staged_ix ON ${name} (${key});`;
    })
    .join("\n");

/**
 * The table as the driver loads it. Its rows are sorted, because the server refuses rows that are not in the declared
 * order.
 */
export function bulkOf({ name, columns, order, rows }: Staged): mssql.Table {
  const table = new mssql.Table(name);
  const names = Object.keys(columns);
  for (const [column, { type }] of Object.entries(columns)) table.columns.add(column, type(), { nullable: true });
  for (const row of rows.toSorted(byColumns(order.map((column) => names.indexOf(column)))))
    table.rows.push(row as mssql.IRow);
  return table;
}

const byColumns = (places: number[]) => (a: unknown[], b: unknown[]) =>
  places.reduce((found, place) => found || compared(a[place], b[place]), 0);

const compared = (a: unknown, b: unknown): number =>
  Buffer.isBuffer(a) && Buffer.isBuffer(b) ? Buffer.compare(a, b) : Number(a) - Number(b);

/**
 * Loads a table in bulk. Throws MismatchedAnswer if the server reports another number of rows than were sent. A report
 * of 0 means that the server reports no number.
 */
export async function load(lane: mssql.ConnectionPool, table: Staged): Promise<void> {
  const order = Object.fromEntries(table.order.map((column) => [column, "ASC"]));
  // The options have tedious' names; the types of mssql know neither.
  const how = { order, lockTable: true } as mssql.IBulkOptions;
  const { rowsAffected } = await lane.request().bulk(bulkOf(table), how);
  if (rowsAffected !== 0 && rowsAffected !== table.rows.length) throw new MismatchedAnswer();
}

/** A batch of T-SQL with the values of its parameters. */
interface Batch {
  text: string;
  values: Record<string, Value>;
}

/** The batch with its rows as table variables. Null: there are too many rows. */
export const withFew = (tables: Staged[], text: string, values: Batch["values"]): Batch | null =>
  areFew(tables) ? withRows(tables, text, values) : null;

/** The batch with its rows as table variables, however many rows there are. */
export function withRows(tables: Staged[], text: string, values: Batch["values"]): Batch {
  const given = { ...values };
  let all = text;
  for (const table of tables) {
    const variable = table.name.replace("#", "@");
    given[`${table.name.slice(1)}Rows`] = longText(JSON.stringify(table.rows.map((row) => rowOf(table, row))));
    all = `${variableText(table, variable)}\n${all.replaceAll(new RegExp(`${table.name}\\b`, "g"), variable)}`;
  }
  return { text: all, values: given };
}

function areFew(tables: Staged[]): boolean {
  const rows = tables.flatMap((table) => table.rows);
  if (rows.length > FEW_ROWS) return false;
  const cells = rows.flat();
  return cells.reduce<number>((sum, cell) => sum + lengthOf(cell), 0) <= FEW_CHARACTERS;
}

const lengthOf = (cell: unknown): number => (typeof cell === "string" || Buffer.isBuffer(cell) ? cell.length : 0);

/** A row as JSON. JSON has no type for bytes, so bytes become hexadecimal digits. */
const rowOf = ({ columns }: Staged, row: unknown[]) =>
  Object.fromEntries(
    Object.keys(columns).map((column, i) => [column, Buffer.isBuffer(row[i]) ? row[i].toString("hex") : row[i]]),
  );

const isBinary = ({ sql }: Kind) => sql.startsWith("VARBINARY");

function variableText({ columns }: Staged, variable: string): string {
  const kinds = Object.entries(columns);
  const made = kinds.map(([column, { sql }]) => `${column} ${sql} NULL`);
  // Text from JSON has the database's collation. Inserted into the variable, it takes the collation of the column.
  const read = kinds.map(([column, kind]) => {
    const type = isBinary(kind) ? "NVARCHAR(64)" : kind.sql.replace(/ COLLATE .*/, "");
    return `${column} ${type} '$.${column}'`;
  });
  const taken = kinds.map(([column, kind]) =>
    isBinary(kind) ? `CONVERT(${kind.sql}, j.${column}, 2)` : `j.${column}`,
  );
  return `DECLARE ${variable} TABLE (${made.join(", ")});
INSERT INTO ${variable} (${Object.keys(columns).join(", ")})
SELECT ${taken.join(", ")} FROM OPENJSON(${variable}Rows) WITH (${read.join(", ")}) AS j;`;
}
