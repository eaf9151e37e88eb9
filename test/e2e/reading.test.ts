/** The promise: a partner's file is read as the policy declares, from the upload to the retry of rejected rows. */
import { admin, get, newClient, post } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { imported, outcomeOf, problemOf } from "./imported.ts";

let url: string;
let system: System;
beforeAll(async () => {
  system = await startSystem();
  url = system.url;
});
afterAll(() => system.stop());

const patched = (clientId: string, policy: object) =>
  admin(url, `/clients/${clientId}/policy`, { method: "PATCH", body: JSON.stringify(policy) });

const schema = {
  type: "object",
  additionalProperties: false,
  required: ["id", "amount"],
  properties: { id: { type: "string" }, amount: { type: "number" }, day: { type: "string", format: "date" } },
};
const read = {
  encoding: "windows-1252",
  dialect: { quoteChar: "'", escapeChar: "\\", commentChar: "#" },
  fields: { amount: { titles: ["Größe"], decimalChar: "," }, day: { format: "%d.%m.%Y" } },
};

test("rejected rows come again as they were written, under the policy of that day", async () => {
  const who = await newClient(url, { schema, read });
  const file = "# export\nid;Größe;day;\n'A\\'1;x';1,5;31.11.2026;\n#A2;2;;\n'Ö';2,5;30.11.2026\n'#3';x;;\n";
  const { batch, records, errors } = await imported(url, who, Buffer.from(file, "latin1"), "text/csv");
  expect(batch.counts).toMatchObject({ received: 3, accepted: 1, rejected: 2 });
  expect(records[0]?.data).toEqual({ id: "Ö", amount: 2.5, day: "2026-11-30" });
  expect(errors).toMatchObject([
    { line: 3, raw: "'A\\'1;x';1,5;31.11.2026;", errors: [{ field: "day", code: "format", value: "31.11.2026" }] },
    { line: 6, errors: [{ field: "amount", column: "Größe", code: "type", value: "x" }] },
  ]);
  const retry = () =>
    fetch(`${url}/imports/${batch.id}/retry?only=rejected`, { method: "POST", headers: { authorization: who.auth } });
  // The column is no field of this schema, so the retry is refused as the file would be.
  await patched(who.id, { schema: { properties: { day: null } }, read: { fields: { day: null } } });
  expect(await problemOf(await retry())).toMatchObject({
    status: 400,
    code: "wrong-columns",
    unknown: [{ column: "day" }],
  });
  await patched(who.id, { schema: { properties: { amount: { type: null }, day: {} } } });
  const { id } = (await (await retry()).json()) as { id: string };
  const again = await outcomeOf(url, who, id);
  expect(again.batch.counts).toMatchObject({ received: 2, accepted: 2 });
  expect(again.records.map(({ data }) => data)).toEqual([
    { id: "A'1;x", amount: 1.5, day: "31.11.2026" },
    { id: "#3", amount: "x" },
  ]);
});

test("a policy shows its whole read, with what its schema makes of unknown columns, and takes it back", async () => {
  const who = await newClient(url, { schema, read });
  const path = `/clients/${who.id}/policy`;
  const shown = (await (await admin(url, path)).json()) as { read: object };
  expect(shown.read).toMatchObject({
    ...read,
    unknownColumns: "refuse",
    columns: null,
    missingValues: [""],
    trim: false,
  });
  expect(await (await get(url, who, "/policy")).json()).toMatchObject({ read: shown.read });
  const put = await admin(url, path, { method: "PUT", body: JSON.stringify(shown) });
  expect([put.status, await put.json()]).toEqual([200, shown]);
  const none = await patched(who.id, { read: null });
  expect(await none.json()).toMatchObject({ read: null });
});

test("a wrong read is refused with a pointer, also where it and a changed schema do not fit", async () => {
  const who = await newClient(url, { schema, read });
  const wrong = { read: { fields: { amount: { groupChar: "," } } } };
  expect(await problemOf(await patched(who.id, wrong))).toMatchObject({
    status: 422,
    errors: [{ pointer: "/read/fields/amount/groupChar" }],
  });
  const text = { schema: { properties: { day: { format: null } } } };
  expect(await problemOf(await patched(who.id, text))).toMatchObject({
    errors: [{ pointer: "/read/fields/day/format" }],
  });
});

test("a file that has only a header is refused for its columns, and nothing of it is stored", async () => {
  const who = await newClient(url, { schema });
  for (const body of ["id;Ammount\n", "id;Ammount", `id;Ammount\n${"1;2\n".repeat(100_000)}`])
    expect(await problemOf(await post(url, who, body, "text/csv"))).toMatchObject({
      status: 400,
      code: "wrong-columns",
      missing: ["amount"],
      unknown: [{ column: "Ammount", near: "amount" }],
      twice: [],
    });
  expect(await (await get(url, who, "/imports")).json()).toMatchObject({ items: [] });
});

test("the request's parameters go before the policy; bytes that an encoding lacks are an error of their row", async () => {
  const who = await newClient(url, { read: { encoding: "shift_jis", dialect: { delimiter: ";" } } });
  const japanese = Buffer.concat([
    Buffer.from("a;b\n"),
    Buffer.from([0x83, 0x5c]),
    Buffer.from(";1\n\x81;2\n", "latin1"),
  ]);
  const { records, errors } = await imported(url, who, japanese, "text/csv");
  expect(records.map(({ data }) => data)).toEqual([{ a: "ソ", b: "1" }]);
  expect(errors).toMatchObject([
    { line: 3, errors: [{ code: "encoding", message: "The record is not valid shift_jis." }] },
  ]);
  const utf8 = await imported(url, who, "a,b\nソ,1\n", "text/csv; charset=utf-8; delimiter=comma");
  expect(utf8.records.map(({ data }) => data)).toEqual([{ a: "ソ", b: "1" }]);
});

test("maxBytes counts what was sent, before it is decoded", async () => {
  const body = Buffer.from(`\ufeffa\n${"é".repeat(100)}\n`, "utf16le");
  const inTime = await newClient(url, { maxBytes: body.length });
  expect((await post(url, inTime, body as never, "text/csv")).status).toBe(202);
  const tooLate = await newClient(url, { maxBytes: body.length - 1 });
  expect(await problemOf(await post(url, tooLate, body as never, "text/csv"))).toMatchObject({
    code: "payload-too-large",
  });
});

test("the report as CSV has column and value at its end, and a byte order mark where it is asked for", async () => {
  const who = await newClient(url, { schema, read: { fields: { amount: { titles: ["Betrag"] } } } });
  const { batch } = await imported(url, who, "id;Betrag\nA1;=1\u00a0\n", "text/csv");
  const csv = async (query: string) => {
    const response = await get(url, who, `/imports/${batch.id}/errors${query}`, { accept: "text/csv" });
    return Buffer.from(await response.arrayBuffer()).toString();
  };
  const report = "record,line,field,code,message,raw,column,value\r\n1,2,amount,type,must be a number like 1234.56,";
  expect(await csv("")).toBe(`${report}"A1;'=1\u00a0",Betrag,'=1\\u00a0\r\n`);
  expect(await csv("?bom=true")).toBe(`\ufeff${await csv("?bom=false")}`);
  const wrong = await get(url, who, `/imports/${batch.id}/errors?bom=1`);
  expect(await problemOf(wrong)).toMatchObject({ status: 422, errors: [{ pointer: "/bom" }] });
});

test("an error of JSON tells the JSON text, and what is no JSON says where", async () => {
  const who = await newClient(url, { schema });
  const body =
    '{"id":5,"amount":12345678901234567890.5,"day":"x"}\n{"id":"A1",}\n{"id":"A1","amount":1,"id":"A2"}\n{"amount":1}';
  const { errors } = await imported(url, who, body);
  expect(errors.map((one) => one.errors)).toEqual([
    [
      { field: "id", code: "type", value: "5", message: "must be string" },
      { field: "day", code: "format", value: '"x"', message: "must be a date like 2026-11-29" },
    ],
    [{ field: "", code: "malformed", message: "The record is not valid JSON: } is out of place at character 12." }],
    [{ field: "", code: "malformed", message: 'The name "id" comes twice in an object, at character 23.' }],
    [{ field: "id", code: "required", message: "is required" }],
  ]);
});
