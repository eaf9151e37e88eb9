/**
 * Imports the example's orders into a table of the company in the demo's SQLite file, and reads them there as any other program
 * would.
 */
import { DatabaseSync } from "node:sqlite";
import type { StoredRecord } from "./demo-stored.ts";

const NAME = "orders";

/** The part of a dataset that fills the table: a column for each field, and one for the record's number in the file. */
export const intoTable = ({ properties }: { properties: object }) => ({
  handler: "table",
  table: {
    name: NAME,
    create: true,
    mode: "upsert",
    key: ["order_id"],
    columns: {
      ...Object.fromEntries(Object.keys(properties).map((field) => [field, field])),
      record: { meta: "record" },
    },
  },
});

/** The first rows. They are read without DataFlow, as any other program reads them. */
export function firstRows(file: string, most: number): StoredRecord[] {
  const db = new DatabaseSync(file, { readOnly: true });
  const rows = db.prepare(`SELECT * FROM ${NAME} ORDER BY record LIMIT ?`).all(most);
  db.close();
  return rows.map(({ record, ...fields }) => ({
    record: Number(record),
    fields: Object.entries(fields).flatMap(([name, value]) => (value === null ? [] : [[name, String(value)]])),
  }));
}

const QUERY = `SELECT country, count(*) AS orders, sum(quantity) AS pieces FROM ${NAME} GROUP BY country ORDER BY orders DESC LIMIT 5`;

/** Shell commands that read the table while the demo runs: one for sqlite3, and one for Node. */
export function queryCommands(file: string): [sqlite3: string, node: string] {
  const program = `console.table(new (require("node:sqlite").DatabaseSync)("${file}",{readOnly:true}).prepare("${QUERY}").all())`;
  return [
    `sqlite3 -header -column '${file}' '${QUERY}'`,
    `'${process.execPath}' --disable-warning=ExperimentalWarning -e '${program}'`,
  ];
}
