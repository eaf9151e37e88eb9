/** On PostgreSQL the rows of a table and the chunk's commit are one transaction, whatever happens between the two. */

import pg from "pg";
import { Transaction } from "../../../database/dialects/postgres/transaction.ts";
import { describePostgres } from "../../helpers/database.ts";
import { until } from "../../helpers/patience.ts";
import { opened } from "../postgres/kit.ts";
import { chunkCommit, moveOf, end as theEnd } from "../store/drafts.ts";
import { deliver, deliveryOf, ordersPlan, query, recordsOf, run } from "./delivery.kit.ts";
import { at, db, orders, startTransactions, waits } from "./transaction.kit.ts";
import { locksOfOthers } from "./transaction.locks.suite.ts";

describePostgres("a table's transaction", () => {
  startTransactions();

  const logged = () => at.rows<{ n: number }>("SELECT count(*)::int AS n FROM orders_log");

  test("if the batch was taken away, nothing of its chunk is in the table", async () => {
    const { batch, commit } = await deliveryOf(db, ordersPlan(), [{ no: 1 }, { no: 2, customer: 9 }]);
    await db.store.move(moveOf(batch, "ready"));
    expect(await db.store.commitChunk(commit)).toBeNull();
    expect(await orders()).toEqual([]);
    expect(await recordsOf(db, batch)).toEqual([]);
    // The connection is as before: it commits the chunk of the next batch.
    expect((await deliver(db, ordersPlan(), [{ no: 3 }])).counts).toMatchObject({ created: 1 });
    expect(await orders()).toMatchObject([{ no: 3 }]);
  });

  test("a last statement without values is committed as well", async () => {
    const pool = new pg.Pool({ connectionString: at.url, max: 1 });
    const client = await pool.connect();
    const unit = new Transaction(client);
    await unit.begin("SET CONSTRAINTS ALL IMMEDIATE");
    expect(await unit.commit("INSERT INTO orders (no) VALUES (1) RETURNING no", [])).toEqual([{ no: 1 }]);
    client.release();
    await pool.end();
    expect(await orders()).toMatchObject([{ no: 1 }]);
  });

  test("a chunk that was committed before is not written again", async () => {
    const { commit } = await deliveryOf(db, ordersPlan(), [{ no: 1, city: "a" }]);
    expect(await db.store.commitChunk(commit)).not.toBeNull();
    await run(at.beside, "UPDATE orders SET city = 'b'");
    expect(await db.store.commitChunk(commit)).toBeNull();
    expect(await orders()).toEqual([{ no: 1, city: "b" }]);
  });

  test.each(["cut", "late"] as const)("if the answer of COMMIT is lost (%s), the rows are stored once", async (how) => {
    await run(
      at.beside,
      "CREATE TABLE orders_log (no int)",
      "CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO orders_log VALUES (NEW.no); RETURN NEW; END $$",
      "CREATE TRIGGER logged AFTER INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION logged()",
    );
    const { batch, commit } = await deliveryOf(db, ordersPlan(), [{ no: 1 }, { no: 2 }]);
    const lost = at.proxy.lose("FROM made WHERE 1 /", how);
    const committed = db.store.commitChunk(commit);
    const { arrive } = await lost;
    // The late statements lock their rows meanwhile, so the second try waits for them.
    if (how === "late") await until(async () => (await at.rows(waits)).length === 1);
    await arrive();
    const written = await committed;
    expect(written?.batch).toMatchObject({ nextChunk: 1, accepted: 2, created: 2, updated: 0 });
    expect(await orders()).toHaveLength(2);
    expect(await logged()).toEqual([{ n: 2 }]);
    expect(await recordsOf(db, batch)).toEqual([1, 2]);
    await run(at.beside, "DROP TABLE orders_log", "DROP FUNCTION logged CASCADE");
  });

  test("batches that end in one commit keep their counts of rows", async () => {
    const batches = [];
    for (const no of [1, 2]) batches.push((await deliver(db, ordersPlan(), [{ no }])).written.batch);
    const ends = batches.map((batch) =>
      chunkCommit(batch, [], { records: 0, text: Buffer.alloc(0), end: theEnd({ events: [] }) }),
    );
    const ended = await db.store.commitChunks(ends);
    const counts = { state: "completed", created: 1, updated: 0, deleted: 0 };
    for (const one of ended) expect(one).toMatchObject({ status: "fulfilled", value: { batch: counts } });
  });

  test("if the link breaks before COMMIT is sent, nothing is written, and the store knows that", async () => {
    const { batch, commit } = await deliveryOf(db, ordersPlan(), [{ no: 1, city: "the-city" }]);
    const lost = at.proxy.lose("the-city", "cut");
    const error = await db.store.commitChunk(commit).catch((thrown: unknown) => thrown);
    await (await lost).arrive();
    expect(error).toMatchObject({ name: "DatabaseUnavailable", isOutcomeUnknown: false });
    await until(async () => (await at.rows("SELECT 1 FROM pg_locks WHERE relation = 'orders'::regclass")).length === 0);
    expect(await orders()).toEqual([]);
    expect(await at.beside.store.batch(batch.publicId, null)).toMatchObject({ nextChunk: 0 });
  });

  test("a row that row security refuses is a record error; a missing right is not", async () => {
    const role = `dataflow_rows_${process.pid}`;
    const rights = [
      `GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`,
      `GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${role}`,
    ];
    await run(at.beside, `CREATE ROLE ${role}`, ...rights, "ALTER TABLE orders ENABLE ROW LEVEL SECURITY");
    await run(at.beside, `CREATE POLICY small ON orders TO ${role} USING (true) WITH CHECK (no < 10)`);
    const url = new URL(at.url);
    url.searchParams.set("options", `${url.searchParams.get("options")} -c role=${role}`);
    const own = await opened(url.href);
    const { counts, written } = await deliver(own, ordersPlan(), [{ no: 1 }, { no: 11 }, { no: 2 }]);
    expect(counts).toMatchObject({ accepted: 2, rejected: 1, created: 2 });
    expect(written.table?.refused).toEqual([
      { code: "constraint", state: "42501", constraint: null, column: null, rows: 1 },
    ]);
    await run(at.beside, `REVOKE INSERT ON orders FROM ${role}`);
    await expect(deliver(own, ordersPlan(), [{ no: 3 }])).rejects.toMatchObject({ kind: "gone", state: "42501" });
    await own.close();
    await run(at.beside, `DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
    expect(await query(at.beside, "SELECT no FROM orders ORDER BY no")).toEqual([{ no: 1 }, { no: 2 }]);
  });

  locksOfOthers();
});
