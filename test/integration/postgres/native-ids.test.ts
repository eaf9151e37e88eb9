/** Migrates a database in which public ids are texts, and keeps its data. */
import { randomUUID } from "node:crypto";
import { UniqueConstraintError } from "sequelize";
import { rowsWhere } from "../../../database/model-reads.ts";
import { describePostgres, freshPostgres } from "../../helpers/database.ts";
import { chunkCommit, claimed, event, newClient, ready, stored, upload } from "../store/drafts.ts";

const STEP = "0019-native-ids";
const columns = [
  ["client", "public_id"],
  ["batch", "public_id"],
  ["batch", "retry_of"],
  ["delivery", "public_id"],
  ["delivery", "claim"],
] as const;

describePostgres("public ids on PostgreSQL", () => {
  test("public ids become UUIDs with the same values, and are found", async () => {
    const { db, remove } = await freshPostgres();
    const { store, deliveries, models, sequelize } = db;
    const select = async <T>(text: string) => (await sequelize.query(text))[0] as T[];
    const values = async () =>
      Promise.all(columns.map(([table, column]) => select(`SELECT id, ${column}::text FROM ${table} ORDER BY id`)));
    const names = columns.map(([table, column]) => `('${table}', '${column}')`).join(", ");
    const typesOf = () =>
      select<{ type: string }>(`SELECT DISTINCT data_type AS type FROM information_schema.columns
        WHERE table_schema = current_schema() AND (table_name, column_name) IN (${names})`);

    const client = newClient("acme");
    await models.Client.create(client);
    const told = { ...event("batch.created"), delivery: { publicId: randomUUID() } };
    const parent = await ready(store, 1, { events: [told] });
    const child = await stored(store, upload(1, { parent: { id: parent.id, publicId: parent.publicId } }));
    const running = await claimed(store, 2);
    const claim = randomUUID();
    const taken = await deliveries.takeDeliveries({ limit: 1, busy: [], leaseMs: 60_000, claim });

    for (const [table, column] of columns)
      await select(`ALTER TABLE ${table} ALTER ${column} TYPE VARCHAR(36) USING ${column}::text`);
    await select(`DELETE FROM schema_migration WHERE name = '${STEP}'`);
    const before = await values();
    expect(await typesOf()).toEqual([{ type: "character varying" }]);
    expect(await db.migrate()).toEqual([STEP]);
    expect(await typesOf()).toEqual([{ type: "uuid" }]);
    expect(await values()).toEqual(before);

    expect(await rowsWhere(models.Client, { publicId: client.publicId })).toMatchObject([{ identifier: "acme" }]);
    expect(await store.batch(child.batch.publicId, 1)).toMatchObject({ retryOf: parent.publicId });
    const done = await store.commitChunk(chunkCommit(running));
    expect(done?.batch).toMatchObject({ publicId: running.publicId, nextChunk: 1 });
    expect(await deliveries.listDeliveries({ batch: parent.publicId, limit: 9 })).toMatchObject([
      { publicId: told.delivery.publicId, batchId: parent.publicId },
    ]);
    // A sender that had taken a delivery still has it.
    const id = taken[0]?.id as number;
    await deliveries.recordAttempt({ id, claim, status: 200, error: null, ms: 5, next: { state: "delivered" } });
    expect(await deliveries.listDeliveries({ state: "delivered", limit: 9 })).toMatchObject([{ id }]);
    await expect(models.Client.create({ ...client, identifier: "other" })).rejects.toBeInstanceOf(
      UniqueConstraintError,
    );
    await remove();
  });
});
