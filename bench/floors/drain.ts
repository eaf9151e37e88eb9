/**
 * The floor of drain on SQLite: bare node:http that makes each body durable, and a loop that takes one, stores its 100
 * rows, deletes it and commits.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import { serveParent } from "../kit/child.ts";
import { openBare } from "./database.ts";

/** Asked first for its port, then in each round for when it has done so many. */
export type DrainAsk = { port: true } | { count: number };

const { db, close } = await openBare();
db.exec("CREATE TABLE body (id INTEGER PRIMARY KEY, body BLOB NOT NULL)");
const insert = db.prepare("INSERT INTO body (body) VALUES (?)");
const oldest = db.prepare("SELECT id, body FROM body ORDER BY id LIMIT 1");
const store = db.prepare("INSERT INTO record (batch_id, seq, data) VALUES (?, ?, ?)");
const remove = db.prepare("DELETE FROM body WHERE id = ?");
let batches = 0;

/** False: there is none. */
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

const server = createServer((req, res) => {
  const pieces: Buffer[] = [];
  req.on("data", (piece: Buffer) => pieces.push(piece));
  req.on("end", () => {
    const { lastInsertRowid } = insert.run(Buffer.concat(pieces));
    res.writeHead(202, { "content-type": "application/json" });
    res.end(JSON.stringify({ id: Number(lastInsertRowid) }));
  });
});
const listening = new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

serveParent(async (ask: DrainAsk) => {
  if ("count" in ask) return workAll(ask.count);
  await listening;
  return (server.address() as AddressInfo).port;
}, close);
