/**
 * The promise: under a legal hold nothing of the client is deleted, by anybody, until the hold ends. Other clients are not
 * affected.
 */
import { accepted, admin, batchWhen, get, lines, newClient, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { databaseOf, ended, hasStatus, row, rows, select } from "./kit.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({
    env: { ...quick, WEBHOOK_ALLOWED_HOSTS: "127.0.0.1" },
  });
});
afterAll(() => system.stop());

const hold = async ({ id }: TestClient, legalHold: boolean) => {
  const answer = await admin(system.url, `/clients/${id}`, { method: "PATCH", body: JSON.stringify({ legalHold }) });
  return (await answer.json()) as object;
};
/** Makes the retention of these batches end now. */
const over = async (...ids: number[]) => {
  const { sequelize } = databaseOf(system);
  await sequelize.query(`UPDATE batch SET due_at = 1 WHERE id IN (${ids.join()})`);
  for (const column of ["idempotency_key SET expires_at", "content_key SET expires_at", "record_key SET ends_at"])
    await sequelize.query(`UPDATE ${column} = 1 WHERE batch_id IN (${ids.join()})`);
};
/** How many rows of the batch each table has. */
async function kept(id: number) {
  const tables = [
    "batch_chunk",
    "record",
    "record_error",
    "error_group",
    "record_key",
    "content_key",
    "delivery",
    "idempotency_key",
  ];
  const found = await Promise.all(
    tables.map((table) => select<{ n: number }>(system, `SELECT count(*) AS n FROM ${table} WHERE batch_id = ${id}`)),
  );
  return found.map(([one]) => Number(one?.n));
}
const ALL = [2, 2, 1, 1, 2, 1, 1, 1];

/** Waits until the batch's body is deleted. The rest of the batch then has an end of its own. */
const isGone = (id: number) =>
  until(async () => {
    await over(id);
    return (await kept(id)).every((n) => n === 0);
  });

/** A batch with at least one row in each table. */
async function imported() {
  const schema = { properties: { n: { type: "integer" } } };
  const webhook = { url: "http://127.0.0.1:9/hook", events: ["batch.completed"] };
  const client = await newClient(system.url, {
    schema,
    uniqueKey: "n",
    uniqueKeyDays: 1,
    dedup: "reject",
    keepBodyDays: 1,
    webhook,
  });
  const body = `${rows(2)}\n{"n":"x"}`;
  const { id } = await accepted(system.url, client, body, undefined, { "Idempotency-Key": "one" });
  await ended(system, client, id);
  return { client, id, rowId: (await row(system, id)).id };
}

test("retention leaves everything of the client until the hold ends", async () => {
  const [held, free] = [await imported(), await imported()];
  expect(await hold(held.client, true)).toMatchObject({ id: held.client.id, legalHold: true });
  await over(held.rowId, free.rowId);
  await isGone(free.rowId);
  await until(async () => ((await row(system, held.id)).dueAt ?? 0) > Date.now());
  expect(await kept(held.rowId)).toEqual(ALL);
  expect((await get(system.url, held.client, `/imports/${held.id}/body`)).status).toBe(200);
  expect(await hold(held.client, false)).toMatchObject({ legalHold: false });
  await isGone(held.rowId);
});

test("the client's batches are not taken back; an undo in progress waits and says why", async () => {
  const { client, id } = await imported();
  const undo = async () => {
    const body = JSON.stringify({ reason: "wrong" });
    const answer = await admin(system.url, `/batches/${id}/undo`, { method: "POST", body });
    return [answer.status, ((await answer.json()) as { code: string }).code];
  };
  await hold(client, true);
  expect(await undo()).toEqual([409, "legal-hold"]);
  // The undo began before the hold.
  const { sequelize } = databaseOf(system);
  const reason = '{"code":"undone-by-operator","detail":"wrong"}';
  await sequelize.query(
    `UPDATE batch SET state = 'undoing', due_at = 1, reason = '${reason}' WHERE public_id = '${id}'`,
  );
  const shown = async () => (await (await admin(system.url, `/batches/${id}`)).json()) as { waits: string };
  await until(async () => String((await shown()).waits).includes("legal hold"));
  expect(await lines(get(system.url, client, `/imports/${id}/records`))).toHaveLength(2);
  await hold(client, false);
  await batchWhen(system.url, client, id, hasStatus("undone"));
  const other = await accepted(system.url, client, rows(1));
  await ended(system, client, other.id);
});
