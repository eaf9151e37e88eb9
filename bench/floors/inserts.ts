/** The floor of `ingest`: prepared inserts of the same rows, in a process that does nothing else. */
import { serveParent } from "../kit/child.ts";
import { orderJson } from "../kit/orders.ts";
import { openBare } from "./database.ts";

export interface InsertRound {
  batch: number;
  rows: number;
  /** Rows of one commit: as many as a chunk of the product has. */
  commit: number;
}

const { db, close } = await openBare();
const insert = db.prepare("INSERT INTO record (batch_id, seq, data) VALUES (?, ?, ?)");
let lines: string[] = [];

/** Runs one round and answers rows per second. */
function round({ batch, rows, commit }: InsertRound): number {
  if (lines.length !== rows) lines = Array.from({ length: rows }, (_, i) => orderJson(i + 1));
  const began = performance.now();
  for (let row = 0; row < rows; ) {
    db.exec("BEGIN IMMEDIATE");
    for (const end = Math.min(rows, row + commit); row < end; row++) insert.run(batch, row + 1, lines[row] as string);
    db.exec("COMMIT");
  }
  return (rows / (performance.now() - began)) * 1000;
}

serveParent(round, close);
