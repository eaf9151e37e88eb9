/** A database from before the tables had a place of their own is migrated, and another system's tables are left alone. */
import pg from "pg";
import { openDatabase } from "../../../database/database.ts";
import { describePostgres } from "../../helpers/database.ts";
import { end as atEnd, chunkCommit, claimed, moveOf, ready } from "./drafts.ts";
import { postgresSpot, type Spot, sqliteSpot } from "./places.ts";

/** A database of an older version, with one ended batch and one running batch. */
async function withTwo({ url }: Spot): Promise<{ done: string; running: string }> {
  const db = await openDatabase({ url });
  try {
    await db.migrate();
    const done = await claimed(db.store, 1);
    await db.store.commitChunk(chunkCommit(done));
    await db.store.commitChunk(chunkCommit({ ...done, nextChunk: 1 }, [], { end: atEnd() }));
    const running = await claimed(db.store, 2);
    return { done: done.publicId, running: running.publicId };
  } finally {
    await db.close();
  }
}

function movesOver(spot: () => Promise<Spot>): void {
  test("tables of an older version are moved with their data, and work goes on", async () => {
    const at = await spot();
    const { done, running } = await withTwo(at);
    const db = await openDatabase(at);
    try {
      expect((await db.pending()).length).toBeGreaterThan(0);
      expect(await db.migrate()).toEqual([`tables into ${at.schema}`]);
      expect(await db.pending()).toEqual([]);
      expect(await db.store.batch(done, 1)).toMatchObject({ state: "completed" });
      const batch = await db.store.batch(running, 2);
      await db.store.move(moveOf(batch as NonNullable<typeof batch>, "failed"));
      await ready(db.store, 3);
      expect((await db.store.stats()).states).toEqual({ completed: 1, failed: 1, ready: 1 });
      expect(await db.migrate()).toEqual([]);
    } finally {
      await db.close();
      await at.drop();
    }
  });
}

describe("a prefix on SQLite", () => movesOver(sqliteSpot));

describePostgres("a schema on PostgreSQL", () => {
  movesOver(postgresSpot);

  test("another system's table with the same name is left alone", async () => {
    const at = await postgresSpot();
    const client = new pg.Client(at.url);
    await client.connect();
    await client.query("CREATE TABLE batch (mine INT); CREATE TABLE schema_migration (version INT)");
    const db = await openDatabase(at);
    try {
      await db.migrate();
      await ready(db.store, 1);
      expect((await client.query("SELECT mine FROM batch")).rows).toEqual([]);
      const { rows } = await client.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1",
      );
      expect(rows.map(({ table_name }) => table_name)).toEqual(["batch", "schema_migration"]);
    } finally {
      await client.end();
      await db.close();
      await at.drop();
    }
  });
});
