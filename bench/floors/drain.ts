/**
 * The floor of `drain` on SQLite: a bare HTTP server that makes each body durable, and a loop that takes a body, stores its 100
 * rows, deletes the body and commits.
 */
import { setImmediate } from "node:timers/promises";
import { serveParent } from "../kit/child.ts";
import { openBodies } from "./database.ts";

/** The first message asks for the port. Each further message asks when `count` bodies were done. */
export type DrainAsk = { port: true } | { count: number };

const { db, close, port } = await openBodies();
const oldest = db.prepare("SELECT id, body FROM body ORDER BY id LIMIT 1");
const store = db.prepare("INSERT INTO record (batch_id, seq, data) VALUES (?, ?, ?)");
const remove = db.prepare("DELETE FROM body WHERE id = ?");
let batches = 0;

/** Processes one body. False if there is none. */
function workOne(): boolean {
  const row = oldest.get() as { id: number; body: Uint8Array } | undefined;
  if (!row) return false;
  db.exec("BEGIN IMMEDIATE");
  const batch = ++batches;
  const lines = Buffer.from(row.body).toString().split("\n");
  for (const [n, line] of lines.entries()) if (line !== "") store.run(batch, n + 1, line);
  remove.run(row.id);
  db.exec("COMMIT");
  return true;
}

async function workAll(count: number): Promise<number> {
  for (let done = 0; done < count; ) {
    if (workOne()) done++;
    await setImmediate();
  }
  return Date.now();
}

serveParent(async (ask: DrainAsk) => ("count" in ask ? workAll(ask.count) : port), close);
