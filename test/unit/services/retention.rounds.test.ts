/** The promise: keys whose time is over go, whatever else is due; nothing goes while the clock is in doubt. */
import { Retention } from "../../../services/retention/retention.rounds.ts";
import { freshDatabase } from "../../helpers/database.ts";
import { ready, stored, upload } from "../../integration/store/drafts.ts";

test("more keys than one piece takes go in one run, though no batch is due", async () => {
  const { db, remove } = await freshDatabase();
  const { store, sequelize } = db;
  await stored(store, upload(1, { key: { key: "k", keepMs: 60_000, fingerprint: "0a".repeat(32) } }));
  const columns = Object.keys((await sequelize.query('SELECT * FROM "idempotency_key"'))[0][0] as object);
  const others = columns.map((name) => (name === "key" ? "'k' || n" : `"${name}"`)).join(", ");
  await sequelize.query(`WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1500)
    INSERT INTO "idempotency_key" (${columns.map((name) => `"${name}"`).join(", ")})
    SELECT ${others} FROM "idempotency_key", numbers`);
  await sequelize.query(`UPDATE "idempotency_key" SET "expires_at" = 1`);
  const left = async () =>
    ((await sequelize.query('SELECT count(*) AS n FROM "idempotency_key"'))[0][0] as { n: number }).n;
  const run = (mayDelete: boolean) =>
    new Retention({
      store,
      logger: { warn: () => {} },
      mayDelete: async () => mayDelete,
      retentionOf: async () => ({ inMs: 60_000 }),
    }).run();
  await run(false);
  expect(await left()).toBe(1_501);
  await run(true);
  expect(await left()).toBe(0);
  await remove();
});

test("nothing is deleted by the answer to another question", async () => {
  const { db, remove } = await freshDatabase();
  const batch = await ready(db.store, 1);
  const store = { ...db.store, due: async () => [batch] };
  const parts = { mayDelete: async () => true, retentionOf: async () => ({ inMs: 0 }) };
  await new Retention({ store, logger: { warn: () => {} }, ...parts }).run();
  expect(await db.store.batch(batch.publicId, 1)).toMatchObject({ state: "ready", chunks: 2 });
  await remove();
});
