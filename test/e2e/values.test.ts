/** The promise: a value is stored as format, charset and schema say, or its record is rejected. */
import { accepted, batchWhen, get, newClient, type TestClient } from "../helpers/http.ts";
import { describeOnce } from "../helpers/once.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { imported, type Stored, schema } from "./imported.ts";

let system: System;
let url: string;
let client: TestClient;

beforeAll(async () => {
  system = await startSystem();
  url = system.url;
  client = await newClient(url);
});
afterAll(() => system.stop());

describe("values", () => {
  let own: TestClient;
  beforeAll(async () => {
    own = await newClient(url, { schema });
  });
  const data = (records: Stored[]) => records.map((one) => one.data);

  test("CSV values get the type of the schema, and an empty cell is an absent field", async () => {
    const body = "id,amount,paid,text,extra\n1,2.50,true,007,8\n2,1e3,FALSE,,\n";
    const { records } = await imported(url, own, body, "text/csv");
    expect(data(records)).toEqual([
      { id: 1, amount: 2.5, paid: true, text: "007", extra: "8", state: "new" },
      { id: 2, amount: 1000, paid: false, state: "new" },
    ]);
  });

  test("JSON values are not converted; a default fills an absent field, but not null", async () => {
    const { records, errors } = await imported(
      url,
      own,
      '{"id":1}\n{"id":"2"}\n{"id":3,"state":"old"}\n{"id":4,"state":null}',
    );
    expect(data(records)).toEqual([
      { id: 1, state: "new" },
      { id: 3, state: "old" },
    ]);
    expect(errors.map(({ record, errors: [fault] }) => [record, fault?.field, fault?.code])).toEqual([
      [2, "id", "type"],
      [4, "state", "type"],
    ]);
  });

  test("numbers and texts of every kind are stored as they came", async () => {
    const record = '{"big":12345678901234567890,"small":1e-400,"text":"\\u00e4 😀 \\u0000"}';
    const { id } = await accepted(url, client, record);
    await batchWhen(url, client, id);
    const text = await (await get(url, client, `/imports/${id}/records`)).text();
    expect(text).toContain("12345678901234567890");
    expect(JSON.parse(text).data.text).toMatch(/^ä 😀 [\0\uFFFD]$/);
  });
});

describeOnce("CSV", () => {
  const rows = async (body: string | Buffer, type = "text/csv") =>
    (await imported(url, client, body, type)).records.map(({ data }) => data);

  test("the BOM of CSV is dropped", async () => {
    expect(await rows("\uFEFFa,b\n1,2\n")).toEqual([{ a: "1", b: "2" }]);
    expect((await imported(url, client, '\uFEFF{"a":1}')).records).toEqual([{ record: 1, data: { a: 1 } }]);
    expect((await imported(url, client, '\uFEFF[{"a":1}]', "application/json")).records).toEqual([
      { record: 1, data: { a: 1 } },
    ]);
  });

  test("windows-1252 is decoded, also in the header and in rejected records", async () => {
    const body = Buffer.from("pr\xe9nom,prix\nJos\xe9,5 \x80\n\x84x\x93,6,7\n", "latin1");
    const { records, errors } = await imported(url, client, body, "text/csv; charset=windows-1252");
    expect(records).toEqual([{ record: 1, data: { prénom: "José", prix: "5 €" } }]);
    expect(errors).toMatchObject([{ record: 2, line: 3, errors: [{ code: "columns" }], raw: "„x“,6,7" }]);
  });

  test("windows-1252 bytes sent as UTF-8 are an encoding error of their record", async () => {
    const { errors, records } = await imported(url, client, Buffer.from("a\nx\n\xe9\ny\n", "latin1"), "text/csv");
    expect(errors).toMatchObject([{ record: 2, line: 3, errors: [{ code: "encoding" }] }]);
    expect(records.map(({ record }) => record)).toEqual([1, 3]);
  });

  test.each([
    [",", "a,b;c\n1,2\n", { a: "1", "b;c": "2" }],
    [";", "a;b\n1,5;2\n", { a: "1,5", b: "2" }],
    ["tab", "a\tb\n1;2\t3\n", { a: "1;2", b: "3" }],
    ["; outside of quotes", '"a,b,c";d\n1;2\n', { "a,b,c": "1", d: "2" }],
    ["none, so there is one column", "a\n1;2,3\n", { a: "1;2,3" }],
  ])("the delimiter of CSV is detected: %s", async (_name, body, expected) => {
    expect(await rows(body)).toEqual([expected]);
  });

  test.each([
    ["text/csv; delimiter=|", "a|b,c\n1|2;3\n", { a: "1", "b,c": "2;3" }],
    ['TEXT/CSV;Charset="UTF-8";Delimiter=";"', "a;b\n1;2\n", { a: "1", b: "2" }],
    ["text/csv; delimiter=tab", "a\tb\n1\t2\n", { a: "1", b: "2" }],
    ['text/csv; delimiter="\\t"', "a\tb\n1\t2\n", { a: "1", b: "2" }],
    ['text/csv; delimiter=","', "a,b;c\n1,2\n", { a: "1", "b;c": "2" }],
  ])("the delimiter of CSV is named by the request: %s", async (type, body, expected) => {
    expect(await rows(body, type)).toEqual([expected]);
  });

  test("line numbers count physical lines, also with multi-line fields and blank lines", async () => {
    const own = await newClient(url, { schema, chunkRecords: 2 });
    const body =
      'id,text\r\n1,"one\ntwo\r\nthree"\r\n\r\nx,four\r\n2,"five\n\n"\r\ny,"six\nseven"\r\n\n\nz,eight\r\n3,nine';
    const { errors, records } = await imported(url, own, body, "text/csv");
    expect(errors.map(({ record, line }) => [record, line])).toEqual([
      [2, 6],
      [4, 10],
      [5, 14],
    ]);
    expect(records.map(({ record, data }) => [record, data.text])).toEqual([
      [1, "one\ntwo\r\nthree"],
      [3, "five\n\n"],
      [6, "nine"],
    ]);
  });

  test("a CSV row with another number of cells is a record error", async () => {
    const { errors } = await imported(url, client, "a,b\n1\n1,2\n1,2,3\n", "text/csv");
    expect(errors).toMatchObject([
      { record: 1, line: 2, errors: [{ field: "", code: "columns" }], raw: "1" },
      { record: 3, line: 4, errors: [{ field: "", code: "columns" }], raw: "1,2,3" },
    ]);
  });
});
