/** sqlite.test.ts starts this process. It opens the database, stores one batch, says so, and waits to be killed. */
import { openDatabase } from "../../../database/database.ts";
import { upload } from "./drafts.ts";

const db = await openDatabase({ url: process.argv[2] as string });
await db.store.commitUpload(upload(1));
process.stdout.write("stored\n");
