/**
 * The promise: after a person is erased, nothing that the system stores, logs, announces or measures contains the person's
 * values.
 */
import { accepted, admin, batchWhen, get, lines, newClient, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { everythingStored } from "./erase.kit.ts";
import { databaseOf, ended, hasStatus, row, select, storeOf } from "./kit.ts";

let system: System;
const told: string[] = [];
beforeAll(async () => {
  // The test reads two thousand log lines, so they are not printed.
  for (const kind of ["log", "warn", "error"] as const) jest.spyOn(console, kind).mockImplementation(() => undefined);
  const env = {
    ...quick,
    WEBHOOK_ALLOWED_HOSTS: "127.0.0.1",
    LOG_LEVEL: "debug",
  };
  system = await startSystem({
    env,
    watch: { newLogEntry: (_type, args) => void told.push(JSON.stringify(args)) },
  });
});
afterAll(() => system.stop());

async function asked(method: string, path: string, body?: object) {
  const answer = await admin(system.url, path, { method, ...(body && { body: JSON.stringify(body) }) });
  return { status: answer.status, body: JSON.parse((await answer.text()) || "{}") as Record<string, unknown> };
}
const erasure = async (id: unknown) => (await asked("GET", `/erasures/${id}`)).body;
const done = (id: unknown) =>
  until(async () => {
    const found = await erasure(id);
    return found.status === "done" && found;
  });
const schema = {
  type: "object",
  properties: {
    email: { type: "string" },
    n: { type: "integer" },
    person: { type: "object", properties: { tax: { type: "string" } } },
  },
};
let clients = 0;
/** A dataset of its own, granted to a client. */
async function withDataset(over: object = {}) {
  const name = `people${++clients}`;
  const webhook = { url: "http://127.0.0.1:9/hook", events: ["batch.completed"] };
  const client = await newClient(system.url, { webhook });
  const made = await asked("PUT", `/datasets/${name}`, { schema, keepBodyDays: 3, ...over });
  if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  await asked("PUT", `/clients/${client.id}/datasets/${name}`, {});
  return { client, name };
}
async function sent({ client, name }: { client: TestClient; name: string }, body: string, type: string, query = "") {
  const answer = await fetch(`${system.url}/datasets/${name}/imports${query}`, {
    method: "POST",
    headers: { authorization: client.auth, "content-type": type },
    body,
  });
  if (answer.status !== 202) throw new Error(await answer.text());
  return ((await answer.json()) as { id: string }).id;
}
async function imported(of: { client: TestClient; name: string }, body: string, type: string) {
  const id = await sent(of, body, type);
  await ended(system, of.client, id);
  return id;
}
const bodyOf = async (client: TestClient, id: string) => (await get(system.url, client, `/imports/${id}/body`)).status;

const EMAIL = "erika.musterfrau@erase.example";
const OTHER = "max.mustermann@keep.example";
const CSV = `email,n\n${EMAIL},1\n${OTHER},2\n"${EMAIL}",many\n${OTHER},few\n`;

test("records, rejected rows, examples and bodies of the person are deleted, and nothing of others", async () => {
  const of = await withDataset({
    schema: { ...schema, properties: { ...schema.properties, email: { type: "string", maxLength: 30 } } },
  });
  const { client, name } = of;
  const csv = await imported(of, CSV, "text/csv");
  const json = [
    { email: EMAIL, n: 1 },
    { email: `x${EMAIL}`, n: 2 },
    { email: EMAIL, n: "x" },
    { email: OTHER, n: 3 },
  ];
  const escaped = JSON.stringify({ email: EMAIL, n: 9 }).replaceAll("@", "\\u0040");
  const ndjson = await imported(
    of,
    `${json.map((one) => JSON.stringify(one)).join("\n")}\n${escaped}`,
    "application/x-ndjson",
  );
  // The text of the second record is cut.
  const two = [JSON.stringify({ email: EMAIL, n: "y" }), escaped.slice(0, -1)];
  const alone = await imported(of, two.join("\n"), "application/x-ndjson");
  const others = await imported(of, `email,n\n${OTHER},1\n`, "text/csv");
  const where = { email: EMAIL };
  expect(JSON.stringify(await everythingStored(system))).toContain(EMAIL);
  const counts = { batches: 3, records: 3, errors: 4, bodies: 3, deliveries: 0, uniqueKeys: 0 };
  const dry = await asked("POST", "/erasures?dryRun=true", { dataset: name, where });
  expect(dry).toMatchObject({ status: 200, body: { counts } });
  const begun = await asked("POST", "/erasures", { dataset: name, where });
  expect(begun).toEqual({ status: 202, body: { id: expect.any(String), status: "running" } });
  const end = await done(begun.body.id);
  expect(end).toMatchObject({ client: null, dataset: name, fields: ["email"], waits: null, counts });
  expect([await bodyOf(client, csv), await bodyOf(client, ndjson), await bodyOf(client, others)]).toEqual([
    410, 410, 200,
  ]);
  const recordsOf = async (id: string) =>
    (await lines(get(system.url, client, `/imports/${id}/records`))).map((one) => (one as { record: number }).record);
  expect([await recordsOf(csv), await recordsOf(ndjson), await recordsOf(others)]).toEqual([[2], [4], [1]]);
  const refused = await lines(get(system.url, client, `/imports/${csv}/errors`));
  expect(refused).toEqual([expect.objectContaining({ record: 4, raw: `${OTHER},few` })]);
  const summary = (await (await get(system.url, client, `/imports/${csv}/errors/summary`)).json()) as object;
  expect(summary).toMatchObject({ total: 2, groups: [{ field: "n", values: ["few"] }] });
  const left = (await everythingStored(system)).filter((text) => text.replaceAll(`x${EMAIL}`, "").includes(EMAIL));
  expect(left).toEqual([]);
  const retry = { method: "POST", headers: { authorization: client.auth } };
  const again = await fetch(`${system.url}/imports/${alone}/retry?only=rejected`, retry);
  expect([again.status, await again.json()]).toMatchObject([410, { code: "gone" }]);
  const metrics = await (await fetch(`${system.url}/metrics`)).text();
  expect([...told, metrics].filter((text) => text.includes("musterfrau"))).toEqual([]);
  expect((await asked("POST", "/erasures?dryRun=true", { dataset: name, where })).body).toMatchObject({
    counts: { batches: 0, records: 0, errors: 0, bodies: 0 },
  });
});

test("a record matches if it has all values, compared as JSON, also in inner fields; only the client's batches are searched", async () => {
  const of = await withDataset();
  const { name } = of;
  const two = await newClient(system.url);
  await asked("PUT", `/clients/${two.id}/datasets/${name}`, {});
  const records = [
    { n: 7, person: { tax: "17" } },
    { n: 8, person: { tax: "17" } },
    { n: 7, person: { tax: "170" } },
  ];
  const body = records.map((one) => JSON.stringify(one)).join("\n");
  const [mine, theirs] = [
    await imported(of, body, "application/x-ndjson"),
    await imported({ client: two, name }, body, "application/x-ndjson"),
  ];
  const where = { n: 7, "person.tax": "17" };
  const { body: begun } = await asked("POST", "/erasures", { client: of.client.id, dataset: name, where });
  expect(await done(begun.id)).toMatchObject({ client: of.client.id, counts: { batches: 1, records: 1, bodies: 1 } });
  const left = async (client: TestClient, id: string) => lines(get(system.url, client, `/imports/${id}/records`));
  expect([await left(of.client, mine), await left(two, theirs)]).toEqual([
    [expect.anything(), expect.anything()],
    [expect.anything(), expect.anything(), expect.anything()],
  ]);
  // In the body both values are in the same record.
  const dry = await asked("POST", "/erasures?dryRun=true", { dataset: name, where: { n: 8, "person.tax": "170" } });
  expect(dry.body).toMatchObject({ counts: { batches: 0 } });
});

test("the erasure waits for a batch that has not ended; a batch whose body was erased does not go on", async () => {
  const of = await withDataset({ requiresApproval: true });
  const { client, name } = of;
  const waiting = await sent(of, JSON.stringify({ email: EMAIL, n: 1 }), "application/x-ndjson");
  await batchWhen(system.url, client, waiting, hasStatus("held"));
  const failed = await sent(of, JSON.stringify({ email: EMAIL, n: 2 }), "application/x-ndjson");
  await batchWhen(system.url, client, failed, hasStatus("held"));
  await databaseOf(system).sequelize.query(
    `UPDATE batch SET state = 'failed', due_at = 99999999999999, finished_at = 1 WHERE public_id = '${failed}'`,
  );
  const { body } = await asked("POST", "/erasures", { dataset: name, where: { email: EMAIL } });
  await until(async () => (await erasure(body.id)).waits === `batch ${waiting} has not ended`);
  expect(await erasure(body.id)).toMatchObject({ status: "running", counts: { batches: 1, bodies: 1 } });
  expect(await asked("POST", `/batches/${failed}/redrive`)).toMatchObject({ status: 410, body: { code: "gone" } });
  await asked("POST", `/batches/${waiting}/reject`, { reason: "no" });
  await databaseOf(system).sequelize.query(`UPDATE erasure SET due_at = 1 WHERE state = 'running'`);
  expect(await done(body.id)).toMatchObject({ waits: null, counts: { batches: 2, bodies: 2 } });
  expect((await everythingStored(system)).join("\n").replaceAll(`x${EMAIL}`, "")).not.toContain(EMAIL);
});

test("if a node dies half-way, another one goes on and counts nothing twice", async () => {
  const of = await withDataset({ keepBodyDays: 0 });
  const { client, name } = of;
  const body = Array.from({ length: 5_000 }, (_, n) => JSON.stringify({ n, email: n % 2 ? EMAIL : OTHER })).join("\n");
  const id = await imported(of, body, "application/x-ndjson");
  const store = storeOf(system);
  const pieces = jest.spyOn(store, "eraseRecords");
  const whole = store.eraseRecords;
  // The node dies before one piece, and after another piece whose answer it does not get.
  pieces.mockRejectedValueOnce(new Error("killed")).mockImplementationOnce(async (...at) => {
    pieces.mockRestore();
    await whole(...at);
    throw new Error("killed");
  });
  const { body: begun } = await asked("POST", "/erasures", { dataset: name, where: { email: EMAIL } });
  expect(await done(begun.id)).toMatchObject({ counts: { batches: 1, records: 2_500 } });
  expect(await select(system, `SELECT 1 FROM record WHERE batch_id = ${(await row(system, id)).id}`)).toHaveLength(
    2_500,
  );
  expect(await batchWhen(system.url, client, id)).toMatchObject({ counts: { accepted: 5_000 } });
});

test("a legal hold of a client with the dataset refuses it", async () => {
  const of = await withDataset();
  const { client, name } = of;
  await imported(of, CSV, "text/csv");
  await asked("PATCH", `/clients/${client.id}`, { legalHold: true });
  const refused = { status: 409, body: { code: "legal-hold" } };
  for (const more of [{}, { client: client.id }])
    for (const query of ["", "?dryRun=true"])
      expect(
        await asked("POST", `/erasures${query}`, { dataset: name, where: { email: EMAIL }, ...more }),
      ).toMatchObject(refused);
  const other = await newClient(system.url);
  const { body } = await asked("POST", "/erasures", { client: other.id, dataset: name, where: { email: EMAIL } });
  expect(await done(body.id)).toMatchObject({ counts: { batches: 0 } });
  await asked("PATCH", `/clients/${client.id}`, { legalHold: false });
});

test("a wrong dataset, field or value is reported by its place, never with the value", async () => {
  const { name, client } = await withDataset();
  const wrong = async (body: object) => {
    const answer = await asked("POST", "/erasures", body);
    expect(JSON.stringify(answer.body)).not.toContain(EMAIL);
    return [answer.status, ((answer.body.errors ?? []) as { pointer: string }[]).map(({ pointer }) => pointer)];
  };
  const where = { email: EMAIL };
  expect(await wrong({ dataset: "nobody", where })).toEqual([422, ["/dataset"]]);
  expect(await wrong({ dataset: "default", where })).toEqual([422, ["/client"]]);
  expect(await wrong({ dataset: name, client: "x", where })).toEqual([422, ["/client"]]);
  expect(await wrong({ dataset: name, where: { mail: EMAIL } })).toEqual([422, ["/where/mail"]]);
  expect(await wrong({ dataset: name, where: { email: [EMAIL] } })).toEqual([422, ["/where/email"]]);
  expect(await wrong({ dataset: name, where: {} })).toEqual([422, ["/where"]]);
  expect(await wrong({ dataset: name })).toEqual([422, ["/where"]]);
  const { id } = await accepted(system.url, client, `{"any":"${EMAIL}"}`);
  await ended(system, client, id);
  const { body } = await asked("POST", "/erasures", { dataset: "default", client: client.id, where: { any: EMAIL } });
  expect(await done(body.id)).toMatchObject({ counts: { records: 1 } });
});
