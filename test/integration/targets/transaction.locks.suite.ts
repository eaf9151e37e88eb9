/** What a delivery does when another program has locked the same rows, inserts them, or refers to them. */
import { TableFailure } from "../../../database/errors.ts";
import { type AskedDatabase, describeTable } from "../../../database/targets/catalog.ts";
import { TargetDatabases } from "../../../database/targets/databases.ts";
import { postgresUndo } from "../../../database/targets/postgres/undo.ts";
import { batchRowsOf, removeRows } from "../../../database/targets/undo.ts";
import type { BatchRows } from "../../../database/targets/undo.types.ts";
import { until } from "../../helpers/patience.ts";
import { opened } from "../postgres/kit.ts";
import { moveOf } from "../store/drafts.ts";
import { deliver, deliveryOf, ordersPlan, run } from "./delivery.kit.ts";
import { at, db, orders, waits } from "./transaction.kit.ts";

export function locksOfOthers(): void {
  test("while another program locks a row, the batch can be cancelled, and then nothing is written", async () => {
    await run(at.beside, "INSERT INTO orders (no, city) VALUES (1, 'a')");
    const transaction = await at.beside.sequelize.transaction();
    await at.beside.sequelize.query("SELECT no FROM orders FOR UPDATE", { transaction });
    const { batch, commit } = await deliveryOf(db, ordersPlan(), [{ no: 1, city: "b" }]);
    const committed = db.store.commitChunk(commit);
    await until(async () => (await at.rows(waits)).length === 1);
    // The cancel does not wait for the lock. It would if the row of the batch was locked.
    const cancelled = await db.store.move(moveOf(batch, "cancelled", { version: batch.version }));
    expect((await at.rows(waits)).length).toBe(1);
    expect(cancelled?.batch.state).toBe("cancelled");
    await transaction.commit();
    expect(await committed).toBeNull();
    expect(await orders()).toEqual([{ no: 1, city: "a" }]);
  });

  test("if a lock is held longer than a statement may wait, the chunk is written later", async () => {
    await run(at.beside, "INSERT INTO orders (no, city) VALUES (1, 'a')");
    const impatient = new URL(at.url);
    impatient.searchParams.set("options", `${impatient.searchParams.get("options")} -c lock_timeout=100`);
    const other = await opened(impatient.href);
    const { commit } = await deliveryOf(db, ordersPlan(), [{ no: 1, city: "b" }]);
    const transaction = await at.beside.sequelize.transaction();
    await at.beside.sequelize.query("SELECT no FROM orders FOR UPDATE", { transaction });
    await expect(other.store.commitChunk(commit)).rejects.toBeInstanceOf(TableFailure);
    await transaction.commit();
    expect((await other.store.commitChunk(commit))?.batch).toMatchObject({ updated: 1 });
    await other.close();
  });

  test("if another program inserts the same key meanwhile, the record updates that row", async () => {
    const transaction = await at.beside.sequelize.transaction();
    await at.beside.sequelize.query("INSERT INTO orders (no, city) VALUES (1, 'a')", { transaction });
    const delivered = deliver(db, ordersPlan(), [{ no: 1, city: "b" }, { no: 2 }]);
    await until(async () => (await at.rows(waits)).length === 1);
    await transaction.commit();
    expect((await delivered).counts).toMatchObject({ created: 1, updated: 1, rejected: 0 });
    expect(await orders()).toEqual([
      { no: 1, city: "b" },
      { no: 2, city: null },
    ]);
  });

  test("a chunk locks the rows that it writes, and keeps those that they refer to; nothing else waits", async () => {
    await run(at.beside, "INSERT INTO customers VALUES (1), (2)", "INSERT INTO orders (no) VALUES (1), (2)");
    await run(
      at.beside,
      "CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$",
      // This trigger runs after the triggers of the foreign key, because triggers run in the order of their names.
      "CREATE TRIGGER zz_held AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION held()",
    );
    const transaction = await at.beside.sequelize.transaction();
    await at.beside.sequelize.query("SELECT pg_advisory_xact_lock(7)", { transaction });
    const delivered = deliver(db, ordersPlan(), [
      { no: 1, city: "b" },
      { no: 3, customer: 1 },
    ]);
    await until(async () => (await at.rows(waits)).length === 1);
    const isFree = (rows: string) =>
      run(at.beside, `SELECT 1 FROM ${rows} NOWAIT`).then(
        () => true,
        () => false,
      );
    expect(await at.rows("SELECT no, city FROM orders WHERE no = 1")).toEqual([{ no: 1, city: null }]);
    expect({
      written: await isFree("orders WHERE no = 1 FOR SHARE"),
      writtenAsReference: await isFree("orders WHERE no = 1 FOR KEY SHARE"),
      other: await isFree("orders WHERE no = 2 FOR UPDATE"),
      referred: await isFree("customers WHERE id = 1 FOR UPDATE"),
      referredButItsKey: await isFree("customers WHERE id = 1 FOR NO KEY UPDATE"),
      otherCustomer: await isFree("customers WHERE id = 2 FOR UPDATE"),
    }).toEqual({
      written: false,
      writtenAsReference: true,
      other: true,
      referred: false,
      referredButItsKey: true,
      otherCustomer: true,
    });
    // On the table the chunk takes only the lock that every writer takes. CREATE INDEX CONCURRENTLY and VACUUM can run meanwhile;
    // ALTER TABLE waits.
    const stronger = `SELECT mode FROM pg_locks WHERE relation = 'orders'::regclass
      AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')`;
    expect(await at.rows(stronger)).toEqual([]);
    await transaction.commit();
    expect((await delivered).counts).toMatchObject({ created: 1, updated: 1 });
    await run(at.beside, "DROP FUNCTION held CASCADE");
  });

  test("after a deadlock with another program no record has an error, and the next try writes all", async () => {
    await run(at.beside, "INSERT INTO orders (no, city) VALUES (1, 'a'), (2, 'a')");
    const { sequelize } = at.beside;
    const transaction = await sequelize.transaction();
    // The other transaction never looks for deadlocks, so the chunk is the one that is ended.
    await sequelize.query("SET LOCAL deadlock_timeout = '1h'; SET LOCAL lock_timeout = 0", { transaction });
    await sequelize.query("UPDATE orders SET amount = 1 WHERE no = 2", { transaction });
    const { commit } = await deliveryOf(db, ordersPlan(), [
      { no: 1, city: "b" },
      { no: 2, city: "b" },
    ]);
    const committed = db.store.commitChunk(commit).catch((error: unknown) => error);
    await until(async () => (await at.rows(waits)).length === 1);
    await sequelize.query("UPDATE orders SET amount = 1 WHERE no = 1", { transaction });
    expect(await committed).toMatchObject({ name: "TableFailure", kind: "busy" });
    await transaction.commit();
    expect((await db.store.commitChunk(commit))?.batch).toMatchObject({ accepted: 2, updated: 2, rejected: 0 });
    expect(await at.rows("SELECT city, amount FROM orders")).toEqual([1, 2].map(() => ({ city: "b", amount: "1.00" })));
  });

  test("a new row that refers to a row under an undo is either seen by the undo, or waits and fails", async () => {
    const batch = "0193a000-0000-7000-8000-000000000000";
    await run(
      at.beside,
      "CREATE TABLE staff (no int PRIMARY KEY, batch uuid)",
      "CREATE INDEX staff_batch ON staff (batch)",
      "CREATE TABLE cars (id int PRIMARY KEY, owner int REFERENCES staff ON DELETE CASCADE)",
      `INSERT INTO staff VALUES (1, '${batch}'), (2, '${batch}'), (3, '${batch}')`,
    );
    const tables = new TargetDatabases({
      own: db,
      databases: [{ name: "crm", url: at.url }],
      allowed: [{ database: null, parts: [{ text: "staff", isQuoted: false }] }],
    });
    const database = tables.find(null) as AskedDatabase;
    const document = { name: "staff", mode: "insert", columns: { batch: { meta: "batchId" } } } as never;
    const rows = (await batchRowsOf(database, document, () =>
      describeTable(database, "staff", tables.allowed),
    )) as BatchRows;
    const [begin, locks, deletes, commit] = postgresUndo.remove(rows, 2, batch) as string[];
    const [one, other] = [await db.sequelize.transaction(), await db.sequelize.transaction()];
    const by = async (transaction: typeof one, sql = "") => (await db.sequelize.query(sql, { transaction }))[0];
    expect([begin, commit]).toEqual(["BEGIN ISOLATION LEVEL READ COMMITTED", "COMMIT"]);
    const [locked] = (await by(one, locks)) as { places: string }[];
    expect(locked?.places).toBe('{"(0,1)","(0,2)"}');
    // The row was inserted after the first statement began, so it has not met that statement's lock.
    await run(at.beside, "ALTER TABLE cars DISABLE TRIGGER ALL", "INSERT INTO cars VALUES (7, 2)");
    await run(at.beside, "ALTER TABLE cars ENABLE TRIGGER ALL");
    const late = by(other, "INSERT INTO cars VALUES (8, 1)").catch((error: unknown) => error);
    await until(async () => (await at.rows(waits)).length === 1);
    expect(await by(one, deletes)).toEqual([{ n: 1 }]);
    await one.commit();
    expect(await late).toMatchObject({ parent: { code: "23503" } });
    await other.rollback();
    expect(await at.rows("SELECT no FROM staff ORDER BY no")).toEqual([{ no: 2 }, { no: 3 }]);
    const crm = tables.find("crm") as AskedDatabase;
    const ends = [await removeRows(crm, rows, batch), await removeRows(database, rows, batch)];
    await tables.close();
    expect([ends, await at.rows("SELECT no FROM staff")]).toEqual([["more", "stuck"], [{ no: 2 }]]);
    await run(at.beside, "DROP TABLE cars, staff");
  });
}
