/** A stopping node gives up only a PostgreSQL that is silent. */
import { setTimeout as silence } from "node:timers/promises";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { describePostgres } from "../../helpers/database.ts";
import { patience } from "../../helpers/patience.ts";
import { opened, proxiedPostgres } from "./kit.ts";

describePostgres("a node that stops", () => {
  test("a stopping node uses a server that answers again, also if a connection was closed meanwhile", async () => {
    const at = await proxiedPostgres();
    const db = await opened(at.url);
    // Time for several looks, of which there are ten a second. It is longer than this process may be without a core.
    const patienceMs = patience(600);
    const slowly = () => db.sequelize.query(`SELECT pg_sleep(${(2 * patienceMs) / 1_000})`);
    try {
      db.limitWaits(patienceMs);
      const lost = expect(slowly()).rejects.toMatchObject({ parent: expect.any(DatabaseUnavailable) });
      // The database is silent for half of the time that it may be.
      await silence(patienceMs / 2);
      at.proxy.cut();
      await lost;
      await silence(patienceMs * 2);
      // The server answers within the time, so nobody gives it up.
      await expect(db.sequelize.query("SELECT pg_sleep(0.2)")).resolves.toBeDefined();
    } finally {
      await db.close();
      await at.remove();
    }
  });
});
