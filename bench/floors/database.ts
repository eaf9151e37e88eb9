/** The product's own database file: its page size, its pragmas (WAL, synchronous=FULL), its tables. Nothing else of it. */
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
