/** The floor of small: bare node:http, one durable insert of the body a request. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serveParent } from "../kit/child.ts";
import { openBare } from "./database.ts";

const { db, close } = await openBare();
db.exec("CREATE TABLE body (id INTEGER PRIMARY KEY, body BLOB NOT NULL)");
const insert = db.prepare("INSERT INTO body (body) VALUES (?)");

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

serveParent(async () => {
  await listening;
  return (server.address() as AddressInfo).port;
}, close);
