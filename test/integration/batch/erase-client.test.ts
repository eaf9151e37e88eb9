/** The promise: a client is erased with all its data, even if a node dies half-way. Then its identifier is free. */
import { accepted, admin, batchWhen, newClient, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { databaseOf, ended, hanging, hasStatus, row, rows, select, storeOf } from "./kit.ts";

let system: System;
const slow = hanging("slow");
beforeAll(async () => {
  const env = { ...quick, WEBHOOK_ALLOWED_HOSTS: "127.0.0.1" };
  system = await startSystem({ env, extra: [slow.schema] });
});
afterAll(async () => {
  slow.release();
  await system.stop();
});
afterEach(() => jest.restoreAllMocks());

async function asked(method: string, path: string, body?: object) {
  const answer = await admin(system.url, path, { method, ...(body && { body: JSON.stringify(body) }) });
  return { status: answer.status, body: JSON.parse((await answer.text()) || "{}") as Record<string, unknown> };
}
const erase = ({ id }: TestClient) => asked("DELETE", `/clients/${id}`);
const disable = ({ id }: TestClient) => asked("PATCH", `/clients/${id}`, { status: "disabled" });
const erasure = async (id: unknown) => (await asked("GET", `/erasures/${id}`)).body;
const done = (id: unknown) =>
  until(async () => {
    const found = await erasure(id);
    return found.status === "done" && found;
  });

/** The tables that have a row of the client, by its internal id. */
async function tablesOf(clientId: number): Promise<string[]> {
  const byClient = [
    "client_queue",
    "client_usage",
    "client_key_use",
    "document_version",
    "idempotency_key",
    "content_key",
    "record_key",
    "ended_scope",
    "order_lane",
  ];
  const more = ["order_place", "policy", "dataset_grant", "dataset_pin", "webhook_secret", "delivery", "batch"];
  const byBatch = ["batch_chunk", "record", "record_error", "error_group", "batch_work", "batch_attempt"];
  const count = async (table: string, where: string) =>
    Number((await select<{ n: number }>(system, `SELECT count(*) AS n FROM ${table} WHERE ${where}`))[0]?.n);
  const found = [];
  for (const table of [...byClient, ...more])
    if ((await count(table, `client_id = ${clientId}`)) > 0) found.push(table);
  for (const table of byBatch)
    if ((await count(table, "batch_id NOT IN (SELECT id FROM batch)")) > 0) found.push(table);
  if ((await count("client", `id = ${clientId}`)) > 0) found.push("client");
  return found;
}

/** A client with at least one row in each table. */
async function full() {
  const schema = { properties: { n: { type: "integer" } } };
  const webhook = { url: "http://127.0.0.1:9/hook", events: ["batch.completed"] };
  const keys = { uniqueKey: "n", dedup: "reject", keepBodyDays: 1, order: "fifo" };
  const client = await newClient(system.url, { schema, webhook, chunkRecords: 1_000, ...keys });
  const { id } = await accepted(system.url, client, `${rows(2_500)}\n{"n":"x"}`, undefined, { "Idempotency-Key": "a" });
  await ended(system, client, id);
  return { client, id, clientId: (await row(system, id)).clientId };
}

test("all data of the client is deleted, and no other; a repeated request answers the same erasure", async () => {
  const [{ client, clientId }, other] = [await full(), await full()];
  expect(await erase(client)).toMatchObject({ status: 409, body: { code: "illegal-state", current: "active" } });
  await until(async () => (await tablesOf(clientId)).includes("client_key_use"));
  await disable(client);
  // A node that dies half-way has counted the rows that it has deleted.
  const store = storeOf(system);
  const pieces = jest.spyOn(store, "eraseBatch");
  pieces.mockImplementationOnce((id, by) => store.eraseBatch(id, by, 700)).mockRejectedValueOnce(new Error("killed"));
  const answer = await erase(client);
  expect(answer).toEqual({ status: 202, body: { id: expect.any(String), status: "running" } });
  const again = await erase(client);
  expect(again.status === 404 || again.body.id === answer.body.id).toBe(true);
  expect(await done(answer.body.id)).toMatchObject({
    client: client.id,
    clientIdentifier: client.identifier,
    dataset: null,
    waits: null,
    counts: { batches: 1, records: 2_500, errors: 1, bodies: 1, deliveries: 1, uniqueKeys: 2_500 },
    finishedAt: expect.any(String),
  });
  expect(await tablesOf(clientId)).toEqual([]);
  expect(await tablesOf(other.clientId)).toEqual(expect.arrayContaining(["record_key", "policy", "batch", "client"]));
  expect(
    await select(system, `SELECT 1 FROM record WHERE batch_id = ${(await row(system, other.id)).id}`),
  ).toHaveLength(2_500);
  expect((await asked("GET", `/clients/${client.id}`)).status).toBe(404);
  expect((await erase(client)).status).toBe(404);
  // The identifier is free, and no cache holds the erased client.
  const made = await asked("POST", "/clients", { clientIdentifier: client.identifier, name: "Anew" });
  expect(made.status).toBe(201);
  const secret = `Basic ${Buffer.from(`${client.identifier}:${made.body.secret}`).toString("base64")}`;
  for (const [auth, status] of [
    [client.auth, 401],
    [secret, 200],
  ] as const)
    expect((await fetch(`${system.url}/policy`, { headers: { authorization: auth } })).status).toBe(status);
});

test("a running batch is cancelled, and an undo in progress ends first", async () => {
  const { client, id, clientId } = await full();
  const dataset = `d${Date.now()}`;
  await asked("PUT", `/datasets/${dataset}`, { handler: "slow.run" });
  await asked("PUT", `/clients/${client.id}/datasets/${dataset}`, {});
  const upload = {
    method: "POST",
    headers: { authorization: client.auth, "content-type": "application/x-ndjson" },
    body: rows(1),
  };
  const running = (await (await fetch(`${system.url}/datasets/${dataset}/imports`, upload)).json()) as { id: string };
  await batchWhen(system.url, client, running.id, hasStatus("processing"));
  await disable(client);
  const { sequelize } = databaseOf(system);
  const undoing = "state = 'undoing', due_at = 99999999999999";
  await sequelize.query(`UPDATE batch SET ${undoing} WHERE public_id = '${id}'`);
  const { body } = await erase(client);
  await until(async () => (await erasure(body.id)).waits === `batch ${id} has not ended`);
  expect(await asked("PATCH", `/clients/${client.id}`, { status: "active" })).toMatchObject({
    status: 409,
    body: { code: "illegal-state", current: "erasing" },
  });
  expect(await erase(client)).toEqual({ status: 202, body: { id: body.id, status: "running" } });
  await sequelize.query(`UPDATE batch SET state = 'undone' WHERE public_id = '${id}'`);
  expect(await done(body.id)).toMatchObject({ counts: { batches: 2 } });
  expect(await tablesOf(clientId)).toEqual([]);
  // No client has the dataset any more.
  expect((await asked("DELETE", `/datasets/${dataset}`)).status).toBe(204);
});

test("a legal hold refuses an erasure, and stops a running one", async () => {
  const { client, id } = await full();
  const hold = (legalHold: boolean) => asked("PATCH", `/clients/${client.id}`, { legalHold });
  await disable(client);
  await hold(true);
  expect(await erase(client)).toMatchObject({ status: 409, body: { code: "legal-hold" } });
  await hold(false);
  const store = storeOf(system);
  const begun = Promise.withResolvers<void>();
  jest.spyOn(store, "clientBatches").mockImplementationOnce(async (...of) => {
    await begun.promise;
    return store.clientBatches(...of);
  });
  const { body } = await erase(client);
  await hold(true);
  begun.resolve();
  await until(async () => (await erasure(body.id)).waits === "a legal hold of the client");
  expect(await row(system, id)).toMatchObject({ state: "completed_with_errors" });
  await hold(false);
  expect(await done(body.id)).toMatchObject({ counts: { batches: 1 } });
});

test("the list of erasures has pages, newest first", async () => {
  const first = await asked("GET", "/erasures?limit=2");
  const items = first.body.items as { createdAt: string }[];
  expect(items).toHaveLength(2);
  const second = await asked("GET", `/erasures?limit=2&cursor=${first.body.next}`);
  expect((second.body.items as unknown[])[0]).not.toEqual(items[1]);
  expect(Date.parse(items[0]?.createdAt ?? "")).toBeGreaterThanOrEqual(Date.parse(items[1]?.createdAt ?? ""));
  expect((await asked("GET", "/erasures/nothing")).status).toBe(404);
});
