/**
 * The suite of all dialects on the statements for SQL Server, read and carried out one by one by PostgreSQL: what they do,
 * and what many at once do to each other, wherever no SQL Server can be had. It says nothing about how a SQL Server reads
 * them; that is for the suite on a real one.
 */
import type { Database } from "../../../database/database.ts";
import { mssqlDeliveries, mssqlLocks, mssqlStore } from "../../../database/dialects/mssql/store.ts";
import { describePostgres, freshPostgres, keptDatabase, vacuumedPostgres } from "../../helpers/database.ts";
import { everySuite, storeConformance } from "../store/conformance.ts";
import { groupRaceSuite } from "../store/group-slots.suite.ts";
import { StandIn } from "./stand-in.ts";

describePostgres("statements for SQL Server, by PostgreSQL", () => {
  // Statements that say nothing of an order answer in that of the rows.
  const { open, end } = keptDatabase(freshPostgres, vacuumedPostgres);
  let standIn: StandIn | undefined;
  /** Made once: to write all statements takes as long as a test. */
  let stores: Pick<Database, "store" | "locks" | "deliveries">;
  function storesOn(url: string): typeof stores {
    standIn = new StandIn(url);
    const sql = standIn.asSql();
    return { store: mssqlStore(sql), locks: mssqlLocks(sql), deliveries: mssqlDeliveries(sql) };
  }

  storeConformance("mssql's statements", async () => {
    const { db, url, remove } = await open();
    stores ??= storesOn(url);
    return { db: { ...db, ...stores } satisfies Database, remove };
  }, [...everySuite, groupRaceSuite]);

  afterAll(async () => {
    await standIn?.end();
    await end();
  });
});
