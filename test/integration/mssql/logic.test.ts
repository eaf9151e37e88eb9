/**
 * Runs the suite of all dialects on the statements for SQL Server, which PostgreSQL carries out one by one. So their logic and
 * their concurrency are tested without a SQL Server. How a real SQL Server reads the statements is tested by the suite on a real
 * server.
 */
import type { Database } from "../../../database/database.ts";
import { mssqlDeliveries, mssqlLocks, mssqlStore } from "../../../database/dialects/mssql/store.ts";
import { describePostgres, freshPostgres, keptDatabase, vacuumedPostgres } from "../../helpers/database.ts";
import { everySuite, storeConformance } from "../store/conformance.ts";
import { groupRaceSuite } from "../store/group-slots.suite.ts";
import { StandIn } from "./stand-in.ts";

describePostgres("statements for SQL Server, by PostgreSQL", () => {
  // Rows are vacuumed, because statements without ORDER BY answer in the order of the rows on disk.
  const { open, end } = keptDatabase(freshPostgres, vacuumedPostgres);
  let standIn: StandIn | undefined;
  /** The stores are made once, because writing all statements takes as long as a test. */
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
