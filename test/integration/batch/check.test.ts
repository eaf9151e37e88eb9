/**
 * `validateOnly`: a batch is read and checked like any other but delivers nothing, until it is committed under the present
 * policy.
 */
import { accepted, admin, type Batch, get, lines, newClient, post, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { databaseOf, ended, handler, row, select, storeOf } from "./kit.ts";

let system: System;
const own = handler("own", () => null);
const schema = { properties: { n: { type: "integer" } }, required: ["id"] };

beforeAll(async () => {
  const env = { ...quick, RETENTION_INTERVAL: "100ms" };
  system = await startSystem({ env, extra: [own.schema] });
});
afterAll(() => system.stop());

const ask = (client: TestClient, path: string, init: RequestInit = {}) =>
  fetch(`${system.url}${path}`, { method: "POST", ...init, headers: { authorization: client.auth, ...init.headers } });
const send = (client: TestClient, body: string, headers: Record<string, string> = {}) =>
  ask(client, "/imports?validateOnly=true", { body, headers: { "content-type": "application/x-ndjson", ...headers } });

async function checked(client: TestClient, body: string): Promise<Batch> {
  const response = await send(client, body);
  expect(response.status).toBe(202);
  return ended(system, client, ((await response.json()) as Batch).id);
}
const commit = (client: TestClient, { id }: Batch) => ask(client, `/imports/${id}/commit`);
const problem = async (response: Promise<Response>) => (await response).json() as Promise<Record<string, unknown>>;
const errors = ({ id }: Batch, client: TestClient) =>
  lines<{ record: number }>(get(system.url, client, `/imports/${id}/errors`));
const recordsOf = ({ id }: Batch, client: TestClient) =>
  lines<{ data: unknown }>(get(system.url, client, `/imports/${id}/records`));
const change = (client: TestClient, policy: object) =>
  admin(system.url, `/clients/${client.id}/policy`, {
    method: "PATCH",
    body: JSON.stringify(policy),
    headers: { "content-type": "application/merge-patch+json" },
  });

const body = '{"id":1,"n":1}\n{"id":2,"n":"x"}\n{"id":1,"n":2}\n{"id":9,"n":3}\n{"id":3,"n":4}\n{"id":3,"n":5}';

test.each(["store", "own.run"])("a check finds what a delivery to %s would, and leaves all keys free", async (to) => {
  const client = await newClient(system.url, { schema, uniqueKey: "id", chunkRecords: 2, handler: to });
  await ended(system, client, (await accepted(system.url, client, '{"id":9}')).id);
  const batch = await checked(client, body);
  expect(batch).toMatchObject({
    status: "validated",
    validateOnly: true,
    counts: { received: 6, accepted: 2, rejected: 1, duplicate: 3 },
    progress: 1,
    error: null,
    finishedAt: expect.any(String),
  });
  expect((await errors(batch, client)).map(({ record }) => record)).toEqual([2]);
  expect(await recordsOf(batch, client)).toEqual([]);
  expect(own.of(batch.id)).toEqual([]);
  // The same body is checked with the same result. Then it is delivered, and its counts are the same.
  expect(await checked(client, body)).toMatchObject({ counts: batch.counts });
  expect((await commit(client, batch)).status).toBe(202);
  const delivered = await ended(system, client, batch.id);
  expect(delivered).toMatchObject({ status: "completed_with_errors", counts: batch.counts });
  expect(delivered).not.toHaveProperty("validateOnly");
  expect((await errors(batch, client)).map(({ record }) => record)).toEqual([2]);
  if (to === "own.run") expect(own.of(batch.id).flatMap(({ records }) => records)).toHaveLength(2);
  else expect(await recordsOf(batch, client)).toHaveLength(2);
});

test("a repeated commit is answered with the same batch, and other states refuse a commit", async () => {
  const client = await newClient(system.url);
  const batch = await checked(client, '{"n":1}');
  const [first, second] = await Promise.all([commit(client, batch), commit(client, batch)]);
  expect([first.status, second.status].sort()).toEqual([200, 202]);
  await ended(system, client, batch.id);
  const again = await commit(client, batch);
  expect([again.status, await again.json()]).toMatchObject([200, { id: batch.id, status: "completed" }]);
  const usual = await ended(system, client, (await accepted(system.url, client, '{"n":2}')).id);
  expect(await problem(commit(client, usual))).toMatchObject({
    status: 409,
    code: "illegal-state",
    current: "completed",
  });
  expect(await problem(ask(client, `/imports/${batch.id}/cancel`))).toMatchObject({ current: "completed" });
});

test("a batch that was only checked cannot be cancelled or retried", async () => {
  const client = await newClient(system.url, { schema });
  const batch = await checked(client, "{}\n{}");
  const illegal = { status: 409, code: "illegal-state", current: "validated" };
  expect(await problem(ask(client, `/imports/${batch.id}/cancel`))).toMatchObject(illegal);
  expect(await problem(ask(client, `/imports/${batch.id}/retry`))).toMatchObject(illegal);
  expect(await problem(ask(client, `/imports/${batch.id}/retry?only=rejected`))).toMatchObject(illegal);
});

test("a commit uses the present policy", async () => {
  const client = await newClient(system.url, { schema });
  const batch = await checked(client, '{"id":1}\n{"id":2,"n":1}');
  expect(batch).toMatchObject({ counts: { accepted: 2, rejected: 0 } });
  await change(client, { schema: { required: ["n"] }, onInvalid: "rejectBatch", requiresApproval: true });
  const held = await commit(client, batch);
  expect([held.status, await held.json()]).toMatchObject([202, { status: "held", hold: { reason: "approval" } }]);
  await admin(system.url, `/batches/${batch.id}/approve`, { method: "POST" });
  expect(await ended(system, client, batch.id)).toMatchObject({ status: "failed", error: { code: "invalid-records" } });
  await change(client, { maxRecords: 1, requiresApproval: false, onInvalid: "skip" });
  await change(client, { maxRecords: 10 });
  const long = await checked(client, '{"n":1}\n{"n":2}');
  await change(client, { maxRecords: 1 });
  expect(await problem(commit(client, long))).toMatchObject({ code: "too-many-records", limit: 1 });
  await change(client, { maxRecords: 10, maxBytes: 3 });
  expect(await problem(commit(client, long))).toMatchObject({ code: "payload-too-large", limit: 3 });
  await change(client, { maxBytes: null, formats: ["csv"] });
  expect(await problem(commit(client, long))).toMatchObject({ code: "unsupported-media-type" });
});

test("a check neither waits nor keeps content; its commit meets quota, content and order", async () => {
  const policy = { requiresApproval: true, order: "fifo", dedup: "reject", recordsPerDay: 1, bytesPerDay: 1_000 };
  const client = await newClient(system.url, policy);
  const batch = await checked(client, '{"n":1}\n{"n":2}');
  expect(await problem(commit(client, batch))).toMatchObject({
    code: "quota-exceeded",
    "violated-policies": ["recordsPerDay"],
  });
  await change(client, { recordsPerDay: 10, requiresApproval: false });
  const twin = await checked(client, '{"n":1}\n{"n":2}');
  expect((await commit(client, batch)).status).toBe(202);
  expect(await problem(commit(client, twin))).toMatchObject({ code: "duplicate-batch", batchId: batch.id });
  expect(await problem(send(client, '{"n":1}\n{"n":2}'))).toMatchObject({ code: "duplicate-batch", batchId: batch.id });
  await ended(system, client, batch.id);
  const { clientId } = await row(system, batch.id);
  expect(await storeOf(system).usage(clientId)).toMatchObject({ bytes: 30, records: 2 });
});

test("limits of errors end a check as they end a delivery", async () => {
  const many = await newClient(system.url, { schema, maxErrors: 1, chunkRecords: 1, uniqueKey: "id" });
  expect(await checked(many, "{}\n{}\n{}")).toMatchObject({
    status: "failed",
    error: { code: "too-many-errors" },
    counts: { rejected: 2 },
  });
  const last = await checked(many, "{}\n{}");
  expect((await ask(many, `/imports/${last.id}/retry`)).status).toBe(202);
  expect(await ended(system, many, last.id)).toMatchObject({ status: "failed", error: { code: "too-many-errors" } });
  const whole = await newClient(system.url, { schema, onInvalid: "rejectBatch", chunkRecords: 1 });
  const refused = await checked(whole, '{}\n{"id":1}');
  expect(refused).toMatchObject({ status: "failed", error: { code: "invalid-records" }, counts: { rejected: 1 } });
  await ask(whole, `/imports/${refused.id}/retry`);
  expect(await ended(system, whole, refused.id)).toMatchObject({
    status: "failed",
    error: { code: "invalid-records" },
  });
  expect(await problem(commit(whole, refused))).toMatchObject({ code: "illegal-state", current: "failed" });
  const good = await checked(whole, '{"id":1}\n{"id":2}');
  expect(good).toMatchObject({ status: "validated", counts: { accepted: 2 } });
  await commit(whole, good);
  expect(await ended(system, whole, good.id)).toMatchObject({ status: "completed", counts: { accepted: 2 } });
});

test("a failed check has no place in an order, also after a redrive, and nothing to take back", async () => {
  const client = await newClient(system.url, { schema, order: "fifo", maxErrors: 0, chunkRecords: 1 });
  const failed = await checked(client, '{"id":1}\n{}');
  expect(failed).toMatchObject({ status: "failed", counts: { accepted: 1 } });
  expect((await ask(client, `/imports/${failed.id}/retry`)).status).toBe(202);
  await ended(system, client, failed.id);
  const { id } = await accepted(system.url, client, '{"id":1}');
  expect(await ended(system, client, id)).toMatchObject({ status: "completed" });
  const body = JSON.stringify({ reason: "All of it." });
  expect(await problem(admin(system.url, `/batches/${failed.id}/undo`, { method: "POST", body }))).toMatchObject({
    code: "illegal-state",
    current: "failed",
  });
});

test("a failed check has delivered nothing: it is neither corrected nor retried in part, nor skipped", async () => {
  const client = await newClient(system.url, { schema, maxErrors: 0, order: "fifo" });
  const failed = await checked(client, "{}");
  const refused = { status: 409, code: "illegal-state", current: "failed" };
  expect(await problem(ask(client, `/imports/${failed.id}/retry?only=rejected`))).toMatchObject(refused);
  const headers = { "content-type": "application/x-ndjson" };
  const correction = { body: '{"_record":1,"id":1}', headers };
  expect(await problem(ask(client, `/imports?corrects=${failed.id}`, correction))).toMatchObject({
    ...refused,
    detail: expect.stringContaining("only checked"),
  });
  expect(await problem(ask(client, "/imports?corrects=xx", correction))).toMatchObject({
    status: 404,
    detail: expect.stringContaining('"xx"'),
  });
  expect(await problem(admin(system.url, `/batches/${failed.id}/skip`, { method: "POST" }))).toMatchObject({
    ...refused,
    detail: expect.stringContaining("only checked"),
  });
  const { items } = (await (await get(system.url, client, "/imports")).json()) as { items: Batch[] };
  expect(items).toHaveLength(1);
});

test("a correction that was checked is not delivered once what it corrects is taken back", async () => {
  const client = await newClient(system.url, { schema });
  const first = await ended(system, client, (await accepted(system.url, client, '{"id":1}\n{"n":1}')).id);
  const correction = { body: '{"_record":2,"id":2}', headers: { "content-type": "application/x-ndjson" } };
  const sent = await ask(client, `/imports?validateOnly=true&corrects=${first.id}`, correction);
  const fixed = await ended(system, client, ((await sent.json()) as Batch).id);
  const undo = { method: "POST", body: JSON.stringify({ reason: "All of it." }) };
  expect((await admin(system.url, `/batches/${first.id}/undo`, undo)).status).toBe(202);
  const refused = { status: 409, code: "illegal-state", current: expect.stringMatching(/^undo/) };
  expect(await problem(commit(client, fixed))).toMatchObject(refused);
});

test("an idempotency key holds, and tells a check from a delivery", async () => {
  const client = await newClient(system.url);
  const key = { "idempotency-key": "once" };
  const first = (await (await send(client, "{}", key)).json()) as Batch;
  const again = await send(client, "{}", key);
  expect(again.headers.get("idempotent-replayed")).toBe("true");
  expect(await again.json()).toMatchObject({ id: first.id, status: "ready", validateOnly: true });
  expect(await problem(post(system.url, client, "{}", "application/x-ndjson", key))).toMatchObject({
    code: "idempotency-key-reused",
  });
  expect(await problem(ask(client, "/imports?validateOnly=yes", { body: "{}" }))).toMatchObject({ status: 422 });
});

test("waiting, lists, streams and events know the end of a check", async () => {
  const client = await newClient(system.url);
  const told = await send(client, '{"n":1}', { prefer: "wait=20" });
  const batch = (await told.json()) as Batch;
  expect([told.status, batch.status]).toEqual([200, "validated"]);
  const listed = await get(system.url, client, "/imports?status=validated");
  expect(await listed.json()).toMatchObject({ items: [{ id: batch.id }] });
  expect(await (await get(system.url, client, `/imports/${batch.id}/events`)).text()).toContain('"validated"');
  await commit(client, batch);
  await ended(system, client, batch.id);
});

test("the body is deleted after its time, and the batch later", async () => {
  const client = await newClient(system.url, { validatedHours: 1 });
  const batch = await checked(client, '{"n":1}');
  const { id, dueAt, finishedAt } = await row(system, batch.id);
  expect((dueAt ?? 0) - (finishedAt ?? 0)).toBe(3_600_000);
  await databaseOf(system).sequelize.query(`UPDATE batch SET due_at = 1 WHERE id = ${id}`);
  await until(async () => (await row(system, batch.id)).chunks === 0);
  expect(await problem(commit(client, batch))).toMatchObject({ status: 410, code: "gone" });
  expect((await row(system, batch.id)).dueAt).toBeGreaterThan(Date.now() + 29 * 86_400_000);
  await databaseOf(system).sequelize.query(`UPDATE batch SET due_at = 1 WHERE id = ${id}`);
  await until(async () => (await select(system, `SELECT id FROM batch WHERE id = ${id}`)).length === 0);
});

test("a body that is being deleted counts as deleted", async () => {
  const client = await newClient(system.url);
  const batch = await checked(client, '{"n":1}');
  const store = storeOf(system);
  const busy = jest.spyOn(store, "commitUpload").mockResolvedValue({ outcome: "swept" });
  expect(await problem(commit(client, batch))).toMatchObject({ code: "gone" });
  busy.mockRestore();
});
