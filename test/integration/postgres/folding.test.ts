/** On PostgreSQL each change of a batch's state adds a counter row. A node sums these rows up into few. */
import { describePostgres, freshPostgres } from "../../helpers/database.ts";
import { until } from "../../helpers/patience.ts";
import { type System, startSystem } from "../../helpers/system.ts";
import { ready } from "../store/drafts.ts";

const MANY = 300;

describePostgres("counts of batches", () => {
  test("a node sums up the counter rows of all nodes by itself", async () => {
    const { db, url, remove } = await freshPostgres();
    await Promise.all(Array.from({ length: MANY }, (_, n) => ready(db.store, n + 1, { state: "held", due: null })));
    await db.sequelize.query(`INSERT INTO batch_count (state, n) SELECT 'all', 0 FROM generate_series(1, ${MANY})`);
    const rows = async () =>
      Number(((await db.sequelize.query("SELECT count(*) AS n FROM batch_count"))[0][0] as { n: number }).n);
    expect(await rows()).toBeGreaterThan(MANY);
    const system: System = await startSystem({
      services: ["batch", "clientCache", "outbox", "policy", "rateLimiter"],
      env: { DATABASE_URL: url, SWEEP_INTERVAL: "100ms" },
    });
    await until(async () => (await rows()) < 20, "a fold");
    expect((await db.store.stats()).states).toEqual({ held: MANY });
    await system.stop();
    await remove();
  });
});
