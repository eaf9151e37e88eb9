/** The product's database file for a floor: its page size, its pragmas (WAL, synchronous=FULL) and its tables. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { ddl } from "../../database/dialects/sqlite/ddl.ts";
import { openFiles } from "../../database/dialects/sqlite/files.ts";
import { schema } from "../../database/migrations/0001-schema.ts";
import { newFolder, removeFolder } from "../kit/places.ts";

export async function openBare() {
  const folder = newFolder();
  const files = openFiles({ file: join(folder, "floor.db"), isTemporary: false, transactionMs: 0 });
  const { db } = files.writer;
  await schema.up({ ddl, query: async (statement) => db.exec(statement) });
  return {
    db,
    close() {
      files.close();
      removeFolder(folder);
    },
  };
}

/** Starts a bare HTTP server on such a file. It stores each body as a durable row, then answers. */
export async function openBodies() {
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
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { db, close, port: (server.address() as AddressInfo).port };
}
