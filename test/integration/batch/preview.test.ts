/** What a partner can see before a body is delivered: the preview of a batch, and the immediate check of a body. */
import { gzipSync } from "node:zlib";
import { accepted, admin, type Batch, batchWhen, get, newClient, type TestClient } from "../../helpers/http.ts";
import { testOnce } from "../../helpers/once.ts";
import { quick, type System, startSystem } from "../../helpers/system.ts";
import { ended, row, storeOf } from "./kit.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: quick });
});
afterAll(() => system.stop());

const schema = {
  type: "object",
  properties: {
    no: { type: "integer" },
    unit_price: { type: "number" },
    address: { type: "object", properties: { zip: { type: "string" } } },
  },
  required: ["no"],
};
const read = {
  fields: { unit_price: { titles: ["Preis"], decimalChar: ",", groupChar: "." } },
  unknownColumns: "drop",
};
const file = 'No;Preis;address.zip;Extra\n1;"1.234,56";0123;x\ntwo;12;;\n3;abc;;\n';

const ask = (client: TestClient, path: string, body: RequestInit["body"], headers: Record<string, string> = {}) =>
  fetch(`${system.url}${path}`, {
    method: "POST",
    body: body as string,
    headers: { authorization: client.auth, "content-type": "text/csv", ...headers },
  });
async function answer<T>(response: Promise<Response>): Promise<T> {
  return (await (await response).json()) as T;
}
const preview = (client: TestClient, { id }: { id: string }, query = "") =>
  answer<Record<string, unknown>>(get(system.url, client, `/imports/${id}/preview${query}`));

const seen = {
  columns: [
    { column: "No", field: "no", by: "name" },
    { column: "Preis", field: "unit_price", by: "title" },
    { column: "address.zip", field: "address.zip", by: "path" },
    { column: "Extra", field: null, by: "dropped" },
  ],
  delimiter: ";",
  encoding: "utf-8",
};
const first = {
  record: 1,
  line: 2,
  raw: '1;"1.234,56";0123;x',
  data: { no: 1, unit_price: 1234.56, address: { zip: "0123" } },
  errors: [],
};

test("the preview of a validated or held batch shows its columns, and how each cell was read", async () => {
  const client = await newClient(system.url, { schema, read, requiresApproval: true, chunkRecords: 1 });
  const { id } = await accepted(system.url, client, file, "text/csv");
  await batchWhen(system.url, client, id, ({ status }) => status === "held");
  const held = await preview(client, { id });
  expect(held).toMatchObject(seen);
  expect(held.records).toEqual([
    first,
    expect.objectContaining({ record: 2, line: 3, raw: "two;12;;", data: null }),
    expect.objectContaining({ record: 3, errors: [expect.objectContaining({ field: "unit_price", column: "Preis" })] }),
  ]);
  expect((await preview(client, { id }, "?limit=1")).records).toEqual([first]);
  const checked = await answer<Batch>(ask(client, "/imports?validateOnly=true", file));
  expect(await ended(system, client, checked.id)).toMatchObject({ status: "validated" });
  expect((await preview(client, checked)).records).toEqual(held.records);
});

test("a preview uses the policy of its batch, and needs the body", async () => {
  const client = await newClient(system.url, { schema });
  const { id } = await answer<Batch>(ask(client, "/imports?validateOnly=true", "no\n1\n"));
  await ended(system, client, id);
  const change = { method: "PATCH", headers: { "content-type": "application/merge-patch+json" } };
  await admin(system.url, `/clients/${client.id}/policy`, { ...change, body: '{"schema":{"required":["other"]}}' });
  expect(await preview(client, { id })).toMatchObject({ delimiter: null, records: [{ data: { no: 1 } }] });
  expect(await preview(client, { id }, "?limit=0")).toMatchObject({ status: 422 });
  expect(await preview(client, { id }, "?limit=201")).toMatchObject({ status: 422 });
  jest.spyOn(storeOf(system), "readChunk").mockResolvedValueOnce(null);
  expect(await preview(client, { id })).toMatchObject({ code: "gone" });
  const done = await accepted(system.url, client, '{"other":1}');
  await ended(system, client, done.id);
  expect(await preview(client, done)).toMatchObject({ status: 410, code: "gone" });
  expect(await preview(await newClient(system.url), { id })).toMatchObject({ status: 404 });
});

const ndjson = { "content-type": "application/x-ndjson" };
const whole = async (client: TestClient, { id }: { id: string }) => {
  await ended(system, client, id);
  const { records } = (await preview(client, { id })) as { records: { errors: { code: string }[] }[] };
  return records.map(({ errors, ...record }) => ({ ...record, codes: errors.map(({ code }) => code) }));
};

test.each([
  ["text/csv", "no;unit_price\n1;x\n2;1\ny;2\n", "1;3", "y;2"],
  [
    "application/x-ndjson",
    '{"no":1,"unit_price":"x"}\n{"no":2,"unit_price":1}\n{"no":"y","unit_price":2}\n',
    '{"no":1,"unit_price":3}',
    '{"no":"y","unit_price":2}',
  ],
])(
  "corrections and retries of %s have a preview without the two columns, and corrections their body",
  async (type, body, right, wrong) => {
    const client = await newClient(system.url, { schema, keepBodyDays: 1 });
    const first = await accepted(system.url, client, body, type);
    await ended(system, client, first.id);
    const file = await (await get(system.url, client, `/imports/${first.id}/rejected`)).text();
    const text = file.replace(
      type === "text/csv" ? "1;x" : '"unit_price":"x"',
      type === "text/csv" ? "1;3" : '"unit_price":3',
    );
    const headers = { "content-type": type };
    const correction = await answer<Batch>(ask(client, `/imports?corrects=${first.id}`, text, headers));
    const last = { record: 2, raw: wrong, data: null, codes: ["type"] };
    expect(await whole(client, correction)).toMatchObject([
      { record: 1, raw: right, data: { no: 1, unit_price: 3 }, codes: [] },
      last,
    ]);
    const kept = await get(system.url, client, `/imports/${correction.id}/body`);
    expect(Buffer.from(await kept.arrayBuffer()).toString()).toBe(text);

    // The first record is corrected already, but the preview does not know that.
    const retry = await answer<Batch>(ask(client, `/imports/${first.id}/retry?only=rejected`, ""));
    expect(await whole(client, retry)).toMatchObject([{ record: 1, codes: ["type"] }, last]);
    expect(await answer(get(system.url, client, `/imports/${retry.id}/body`))).toMatchObject({ code: "gone" });
    const again = await answer<Batch>(ask(client, `/imports?corrects=${first.id}`, text, headers));
    expect(await whole(client, again)).toMatchObject([{ record: 1, data: null, codes: ["not-rejected"] }, last]);
  },
);

test("a check answers counts, columns, groups of errors and records, and stores nothing", async () => {
  const client = await newClient(system.url, { schema, read, uniqueKey: "no" });
  const before = (await row(system, (await accepted(system.url, client, '{"no":9}')).id)).id;
  await ended(
    system,
    client,
    (await answer<{ items: Batch[] }>(get(system.url, client, "/imports"))).items[0]?.id ?? "",
  );
  const body = `${file}9;1;;\n1;2;;\n4;;;\n`;
  const found = await answer<Record<string, unknown>>(
    ask(client, "/imports/check", gzipSync(body), { "content-encoding": "gzip" }),
  );
  expect(found).toMatchObject({
    ...seen,
    counts: { received: 6, accepted: 2, rejected: 2, duplicate: 2 },
    errors: {
      total: 2,
      records: 2,
      groups: [
        { field: "no", code: "type", count: 1, firstRecord: 2, firstLine: 3, values: ["two"] },
        { field: "unit_price", count: 1, firstRecord: 3, values: ["abc"] },
      ],
      other: { count: 0 },
    },
    partial: false,
  });
  expect((found.records as unknown[])[0]).toEqual(first);
  expect(found.records).toHaveLength(6);
  const { items } = await answer<{ items: Batch[] }>(get(system.url, client, "/imports"));
  expect(items).toHaveLength(1);
  expect(await storeOf(system).batch(items[0]?.id ?? "", null)).toMatchObject({ id: before });
});

test("numbers keep their digits, in previews and checks", async () => {
  const client = await newClient(system.url, {
    schema: { properties: { n: { type: "number" }, iban: { type: "string" } } },
    sensitive: ["iban"],
  });
  const body = '{"n":0.1234567890123456789,"iban":"x"}\n{"n":12.50,"deep":[9007199254740993]}\n';
  const headers = { "content-type": "application/x-ndjson" };
  const digits = ['"data":{"n":0.1234567890123456789,"iban":"•••"}', '"data":{"n":12.50,"deep":[9007199254740993]}'];
  const { id } = await answer<Batch>(ask(client, "/imports?validateOnly=true", body, headers));
  await ended(system, client, id);
  const csv = "n\n9007199254740993.10\n";
  const texts = await Promise.all([
    (await get(system.url, client, `/imports/${id}/preview`)).text(),
    (await ask(client, "/imports/check", body, headers)).text(),
  ]);
  for (const text of texts) for (const one of digits) expect(text).toContain(one);
  expect(await (await ask(client, "/imports/check", csv)).text()).toContain('"data":{"n":9007199254740993.10}');
});

test("a check at once ignores an idempotency key", async () => {
  const client = await newClient(system.url);
  const headers = { "content-type": "application/x-ndjson", "idempotency-key": "once" };
  for (const body of ["{}", "[1]"]) expect((await ask(client, "/imports/check", body, headers)).status).toBe(200);
  expect((await ask(client, "/imports", "{}", headers)).headers.get("idempotent-replayed")).toBeNull();
});

testOnce("a check looks at the first 1 MiB or 5,000 records", async () => {
  const client = await newClient(system.url);
  const many = Array.from({ length: 6_000 }, (_, n) => `{"n":${n}}`).join("\n");
  expect(await answer(ask(client, "/imports/check", many, ndjson))).toMatchObject({
    counts: { received: 5_000, accepted: 5_000 },
    partial: true,
  });
  const wide = Array.from({ length: 300 }, () => JSON.stringify({ text: "x".repeat(9_000) })).join("\n");
  const found = await answer<{ counts: { received: number; rejected: number } }>(
    ask(client, "/imports/check", wide, ndjson),
  );
  expect(found).toMatchObject({ counts: { rejected: 0 }, partial: true });
  expect(found.counts.received).toBeGreaterThan(100);
  expect(found.counts.received).toBeLessThan(120);
  const json = { "content-type": "application/json" };
  expect(await answer(ask(client, "/imports/check", `[${many.replaceAll("\n", ",")}]`, json))).toMatchObject({
    partial: true,
  });
});

test("an immediate check refuses what an upload refuses, also for a dataset", async () => {
  const client = await newClient(system.url, { maxBytes: 20 });
  expect(await answer(ask(client, "/imports/check", ""))).toMatchObject({ code: "empty-body" });
  const chunked = gzipSync("x".repeat(50));
  expect(await answer(ask(client, "/imports/check", chunked, { "content-encoding": "gzip" }))).toMatchObject({
    code: "payload-too-large",
  });
  expect(await answer(ask(client, "/imports/check?format=pdf", "a"))).toMatchObject({ code: "validation" });
  expect(await answer(ask(client, "/datasets/none/imports/check", "no\n1\n"))).toMatchObject({ code: "not-found" });
  await admin(system.url, "/datasets/prices", { method: "PUT", body: JSON.stringify({ schema, read }) });
  await admin(system.url, `/clients/${client.id}/datasets/prices`, { method: "PUT", body: "{}" });
  expect(await answer(ask(client, "/datasets/prices/imports/check", file))).toMatchObject({
    counts: { received: 3, accepted: 1, rejected: 2 },
  });
  expect(await answer(ask(client, "/datasets/prices/imports/check", "Preis\n1\n"))).toMatchObject({
    code: "wrong-columns",
  });
});
