/**
 * The floor of `table` on SQLite: a prepared statement for each row and a commit for each 5,000 rows, in a process that does
 * nothing else.
 */
import { serveParent } from "../kit/child.ts";
import { COMMIT, columnNames, createText, fillText, rowOf } from "../kit/table.ts";
import { openBare } from "./database.ts";
import type { TableRound } from "./table-copy.ts";

const { db, close } = await openBare();
db.exec(createText("sqlite"));
const insert = `INSERT INTO bench_order (${columnNames.join(", ")}) VALUES (${columnNames.map(() => "?").join(", ")})`;
const sets = columnNames.slice(1).map((name) => `${name} = excluded.${name}`);
const statements = {
  insert: db.prepare(insert),
  upsert: db.prepare(`${insert} ON CONFLICT (id) DO UPDATE SET ${sets.join(", ")}`),
};
let values: (string | number)[][] = [];

/** Runs one round and answers rows per second. */
function round({ mode, rows }: TableRound): number {
  if (values.length !== rows) values = Array.from({ length: rows }, (_, i) => rowOf(i + 1));
  db.exec("DELETE FROM bench_order");
  if (mode === "upsert") db.exec(fillText(rows));
  const statement = statements[mode];
  const began = performance.now();
  for (let row = 0; row < rows; ) {
    db.exec("BEGIN IMMEDIATE");
    for (const end = Math.min(rows, row + COMMIT); row < end; row++) statement.run(...(values[row] as string[]));
    db.exec("COMMIT");
  }
  return (rows / (performance.now() - began)) * 1000;
}

serveParent(round, close);
