/** A node that stops gives up a PostgreSQL that is silent, and no other. */
import { setTimeout as silence } from "node:timers/promises";
import { DatabaseUnavailable } from "../../../database/errors.ts";
import { describePostgres } from "../../helpers/database.ts";
import { patience } from "../../helpers/patience.ts";
import { opened, proxiedPostgres } from "./kit.ts";

describePostgres("a node that stops", () => {
  test("a stopping node uses a server that answers again, also if a connection was closed meanwhile", async () => {
    const at = await proxiedPostgres();
    const db = await opened(at.url);
    // Several looks, of which there are ten a second, and more than this process may lie still.
    const patienceMs = patience(600);
    const slowly = () => db.sequelize.query(`SELECT pg_sleep(${(2 * patienceMs) / 1_000})`);
    try {
      db.limitWaits(patienceMs);
      const lost = expect(slowly()).rejects.toMatchObject({ parent: expect.any(DatabaseUnavailable) });
      // Looked at while it waits.
      await silence(patienceMs / 2);
      at.proxy.cut();
      await lost;
      await silence(patienceMs * 2);
      // The server's greeting is heard, its answer comes sooner than anybody may lose patience.
      await expect(db.sequelize.query("SELECT pg_sleep(0.2)")).resolves.toBeDefined();
    } finally {
      await db.close();
      await at.remove();
    }
  });
});
