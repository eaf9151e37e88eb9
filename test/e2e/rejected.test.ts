/**
 * The promise: rejected records come back in the form of their file, cell for cell, and texts of ours never become formulas in a
 * spreadsheet.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { casesFolder, knownCases } from "../helpers/cases.ts";
import { accepted, batchWhen, get, newClient, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { outcomeOf, problemOf } from "./imported.ts";

interface Case {
  id: string;
  file: string;
  request: { contentType: string; query?: string };
  dataset: string;
  want: { status: number; rejected?: number };
}

const { datasets, cases } = knownCases<Case>();

let url: string;
let system: System;
beforeAll(async () => {
  system = await startSystem();
  url = system.url;
});
afterAll(() => system.stop());

const schema = { required: ["id", "n"], properties: { n: { type: "integer", minimum: 1 } } };

async function rejectedOf(own: TestClient, body: string | Buffer, type: string) {
  const { id } = await accepted(url, own, body as string, type);
  await batchWhen(url, own, id);
  return fileOf(own, id);
}

async function fileOf(own: TestClient, id: string) {
  const response = await get(url, own, `/imports/${id}/rejected`);
  const bytes = Buffer.from(await response.arrayBuffer());
  return { type: response.headers.get("content-type"), bytes, text: bytes.toString(), response };
}

describe("the files of test/cases", () => {
  const refused = cases.filter(({ want }) => want.status === 202 && (want.rejected ?? 0) > 0);
  test.each(refused.map((one) => [one.id, one] as const))(
    "%s: its rejected rows are the file's own",
    async (_, one) => {
      const { description: _text, ...policy } = datasets[one.dataset] as { description: string };
      const own = await newClient(url, { ...policy });
      const body = readFileSync(join(casesFolder, one.file));
      const { id } = await accepted(url, own, body as unknown as string, one.request.contentType);
      const { errors, batch } = await outcomeOf(url, own, id);
      const { text, bytes } = await fileOf(own, id);
      for (const { record, raw, errors: faults } of errors) {
        const isLost = faults[0]?.code === "encoding";
        const isText = one.file.endsWith("csv");
        if (isText && !isLost)
          expect(bytes.includes(Buffer.from(`,${raw}\r\n`)) || text.includes(`;${raw}\r\n`)).toBe(true);
        if (isText && !isLost) expect(body.includes(Buffer.from(raw))).toBe(true);
        expect(text).toMatch(new RegExp(`^(?:.*_record":)?${record}[,;]`, "m"));
      }
      expect(batch.counts.rejected).toBe(errors.length);
    },
  );
});

test("CSV has the header and the cells as they came, in its dialect", async () => {
  const own = await newClient(url, { schema });
  const rows = '"id" ;n;note\r\na;=1+1;"two\r\nlines"\r\nb;2;\r\nc;0; "x"';
  const { type, text } = await rejectedOf(own, rows, "text/csv");
  expect(type).toBe('text/csv; charset=utf-8; header=present; delimiter=";"');
  expect(text.split("\r\n")).toEqual([
    '\ufeff_record;_errors;"id" ;n;note',
    '1;n: must be a whole number like 1234;a;=1+1;"two',
    'lines"',
    '3;n: must be >= 1;c;0; "x"',
    "",
  ]);
});

test("a file of one column gets a comma", async () => {
  const own = await newClient(url, { schema: { properties: { n: { type: "integer" } } } });
  const { type, text, bytes } = await rejectedOf(own, 'n\n1\na,b\n"c,d"\ne\n', "text/csv");
  expect(type).toBe("text/csv; charset=utf-8; header=present");
  const said = "n: must be a whole number like 1234";
  expect(text).toBe(`\ufeff_record,_errors,n\r\n2,${said},"a,b"\r\n3,${said},"c,d"\r\n4,${said},e\r\n`);
  expect(bytes).not.toContain(0x1f);
});

test("TSV stays TSV, and what is said of a column cannot be a formula", async () => {
  const own = await newClient(url, { schema: { properties: { "=n": { type: "integer" } } } });
  const { type, text, response } = await rejectedOf(own, "=n\tb\n=x\t1\n", "text/tab-separated-values");
  expect(type).toBe("text/tab-separated-values; charset=utf-8; header=present");
  expect(response.headers.get("content-disposition")).toMatch(/-rejected\.tsv"$/);
  expect(text).toBe("\ufeff_record\t_errors\t=n\tb\r\n1\t'=n: must be a whole number like 1234\t=x\t1\r\n");
});

test("the encoding stays, if it can say what is wrong", async () => {
  const own = await newClient(url, { schema: { properties: { Stück: { type: "integer" } } } });
  const latin = Buffer.from("Stück,€\nä,1\n".replace("€", "e"), "latin1");
  const same = await rejectedOf(own, latin, "text/csv; charset=windows-1252");
  expect(same.type).toBe("text/csv; charset=windows-1252; header=present");
  expect(same.bytes.toString("latin1")).toBe(
    "_record,_errors,Stück,e\r\n1,Stück: must be a whole number like 1234,ä,1\r\n",
  );
  const wide = Buffer.from("\ufeffStück,e\nł,1\n", "utf16le");
  const utf16 = await rejectedOf(own, wide, "text/csv");
  expect(utf16.type).toBe("text/csv; charset=utf-16le; header=present");
  expect(utf16.bytes.toString("utf16le")).toBe(
    "\ufeff_record,_errors,Stück,e\r\n1,Stück: must be a whole number like 1234,ł,1\r\n",
  );
  const title = { schema: { properties: { a: { enum: ["ł"] } } } };
  const other = await rejectedOf(await newClient(url, title), "a,b\nä,1\n", "text/csv; charset=iso-8859-2");
  expect(other.type).toBe("text/csv; charset=iso-8859-2; header=present");
  const greek = await rejectedOf(
    await newClient(url, title),
    Buffer.from("a,b\n\xe4,1\n", "latin1"),
    "text/csv; charset=windows-1252",
  );
  expect(greek.text).toContain("ä,1");
  expect(greek.type).toBe("text/csv; charset=utf-8; header=present");
});

test("what is no text is listed with its errors alone", async () => {
  const own = await newClient(url, { schema, maxRecordBytes: 1024 });
  const bad = Buffer.concat([Buffer.from("id,n\na,"), Buffer.from([0xff]), Buffer.from(`\nb,${"1".repeat(2000)}\n`)]);
  expect((await rejectedOf(own, bad, "text/csv")).text).toBe(
    "\ufeff_record,_errors,id,n\r\n1,The record is not valid UTF-8.,,\r\n2,The record is longer than 1024 bytes.,,\r\n",
  );
});

test("a replacement character is text like any other; a NUL is not", async () => {
  const own = await newClient(url, { schema });
  const rows = "id,n\na\ufffd,0\nb\0,0\n";
  const { id } = await accepted(url, own, rows, "text/csv");
  await batchWhen(url, own, id);
  const said = "n: must be >= 1";
  expect((await fileOf(own, id)).text).toBe(`\ufeff_record,_errors,id,n\r\n1,${said},a\ufffd,0\r\n2,${said},,\r\n`);
  expect((await outcomeOf(url, own, id)).errors.map(({ raw }) => raw)).toEqual(["a\ufffd,0", "b\ufffd,0"]);
  const json = '{"id":"\ufffd","n":0}\n';
  expect((await rejectedOf(own, json, "application/x-ndjson")).text).toBe(
    `{"_record":1,"_errors":"${said}","id":"\ufffd","n":0}\n`,
  );
});

test("NDJSON and JSON have two leading members, and the record's own text behind them", async () => {
  const own = await newClient(url, { schema });
  const lines = '{"id":1, "n":0.10}\n{ }\n{"id":2,\n[1]\n{"id":1,"n":2}\n';
  const ndjson = await rejectedOf(own, lines, "application/x-ndjson");
  expect(ndjson.text.trimEnd().split("\n")).toEqual([
    expect.stringMatching(/^\{"_record":1,"_errors":"n: must be [^"]*","id":1, "n":0\.10\}$/),
    expect.stringMatching(/^\{"_record":2,"_errors":"[^"]*id[^"]*" \}$/),
    expect.stringMatching(/^\{"_record":3,"_errors":"[^"]*","id":2,$/),
    expect.stringMatching(/^\{"_record":4,"_errors":"[^"]*"\}$/),
  ]);
  const json = await rejectedOf(own, '[{"id":1,"n":0},{"id":1,"n":1},{"id":},3]', "application/json");
  expect(json.type).toBe("application/json");
  expect(JSON.parse(json.text)).toEqual([
    { _record: 1, _errors: "n: must be >= 1", id: 1, n: 0 },
    { _record: 3, _errors: expect.any(String) },
    { _record: 4, _errors: expect.any(String) },
  ]);
  expect(JSON.parse((await rejectedOf(own, '[{"id":1,"n":1}]', "application/json")).text)).toEqual([]);
});

test("a workbook becomes CSV, as its dataset reads CSV", async () => {
  const { description: _, ...policy } = datasets.workbook as { description: string };
  const own = await newClient(url, { ...policy });
  const type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
  const { id } = await accepted(
    url,
    own,
    readFileSync(join(casesFolder, "xlsx/faults.xlsx")) as unknown as string,
    type,
  );
  const { errors } = await outcomeOf(url, own, id);
  const { text, response } = await fileOf(own, id);
  expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
  expect(text).toMatch(/^\ufeff_record,_errors,/);
  expect(text.split("\r\n")).toHaveLength(errors.length + 2);
});

test("beyond maxStoredErrors the file goes on from the body", async () => {
  const own = await newClient(url, { schema, maxStoredErrors: 1 });
  const csv = await rejectedOf(own, "id,n\na,0\nb,0\nc,0\n", "text/csv");
  const said = "n: must be >= 1";
  expect(csv.text.split("\r\n").slice(1)).toEqual([`1,${said},a,0`, `2,${said},b,0`, `3,${said},c,0`, ""]);
  const json = await rejectedOf(own, '[{"id":1,"n":0},{"id":1,"n":0}]', "application/json");
  expect(JSON.parse(json.text)).toMatchObject([{ _record: 1 }, { _record: 2, _errors: said, id: 1, n: 0 }]);
});

test.each([
  [
    "application/x-ndjson",
    '{"a":1}\n\n{"x":{"_record":1},"y":"\\"_record\\":"}\n{"a":2, "_record" : 3}\n',
    { line: 4 },
    3,
  ],
  ["application/x-ndjson", '{"_errors":""}', { line: 1 }, 1],
  ["application/x-ndjson", '{"a":"\\u005f"}\n{"\\u005F\\u0072ecord":3}\n', { line: 2 }, 2],
  ["application/json", '[{"a":["_errors"]},\n{"_errors":[1]}]', {}, 2],
])("nor can the records of %s have such a member", async (type, body, has, record) => {
  const own = await newClient(url, { chunkRecords: 1 });
  const send = (path: string) =>
    fetch(`${url}${path}`, { method: "POST", headers: { authorization: own.auth, "content-type": type }, body });
  for (const path of ["/imports", "/imports/check"])
    expect(await problemOf(await send(path))).toMatchObject({
      ...{ status: 400, code: "malformed-body", ...has },
      detail: expect.stringContaining(`Record ${record} has the member "_`),
    });
});

test.each(["_record", "_errors"])("an ordinary file cannot have a column %s", async (name) => {
  const own = await newClient(url);
  const refused = await fetch(`${url}/imports`, {
    method: "POST",
    headers: { authorization: own.auth, "content-type": "text/csv" },
    body: `id,${name}\n1,2\n`,
  });
  expect(await problemOf(refused)).toMatchObject({ status: 400, code: "malformed-body", column: 2 });
});
