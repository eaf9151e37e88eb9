/**
 * The promise: rejected records can be fetched as a workbook whose wrong cells are marked, and that workbook is accepted as a
 * correction.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fromBufferPromise } from "yauzl";
import { casesFolder, knownCases } from "../helpers/cases.ts";
import { accepted, type Batch, batchWhen, get, newClient, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { outcomeOf } from "./imported.ts";

const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const { datasets } = knownCases<object>();

let url: string;
let system: System;
beforeAll(async () => {
  system = await startSystem();
  url = system.url;
});
afterAll(() => system.stop());

/** The parts of a workbook by name. The reader compares each with the zip's directory. */
async function partsOf(workbook: Buffer): Promise<Record<string, string>> {
  const zip = await fromBufferPromise(workbook, { autoClose: false });
  const parts: Record<string, string> = {};
  for await (const entry of zip.eachEntry()) parts[entry.fileName] = await text(await zip.openReadStreamPromise(entry));
  return parts;
}

async function batchOf(own: TestClient, body: string | Buffer, type: string) {
  const { id } = await accepted(url, own, body as string, type);
  await batchWhen(url, own, id);
  return id;
}

async function workbook(own: TestClient, id: string, query = "") {
  const response = await get(url, own, `/imports/${id}/rejected?format=xlsx${query}`);
  expect([response.status, response.headers.get("content-type")]).toEqual([200, XLSX]);
  expect(response.headers.get("content-disposition")).toMatch(/\.xlsx"$/);
  return Buffer.from(await response.arrayBuffer());
}

async function corrected(own: TestClient, id: string, body: Buffer) {
  const headers = { authorization: own.auth, "content-type": XLSX };
  const sent = await fetch(`${url}/imports?corrects=${id}`, { method: "POST", headers, body: body as never });
  expect(sent.status).toBe(202);
  return outcomeOf(url, own, ((await sent.json()) as Batch).id);
}

test("of CSV: the cells are texts, the wrong ones are yellow, and no formula runs", async () => {
  const n = { type: "integer", minimum: 1 };
  const own = await newClient(url, { schema: { properties: { n, m: n } }, keepBodyDays: 1 });
  const long = "x".repeat(40_000);
  const id = await batchOf(own, `id,n,m\n=1+1,0,5\n"a<&""\n_x0041_",2,x\n${long},0,1\nb,1,1\n`, "text/csv");
  const parts = await partsOf(await workbook(own, id));
  const sheet = parts["xl/worksheets/sheet1.xml"] as string;
  const cell = (name: string) => new RegExp(`<c r="${name}" s="(\\d)"[^>]*>(?:<is><t[^>]*>|<v>)([^<]*)<`).exec(sheet);
  expect(["A2", "B2", "C2", "D2", "E2"].map((name) => cell(name)?.slice(1))).toEqual([
    ["0", "1"],
    ["0", "n: must be &gt;= 1"],
    ["0", "=1+1"],
    ["4", "0"],
    ["0", "5"],
  ]);
  expect([cell("C3")?.[2], cell("D3")?.[1], cell("E3")?.[1]]).toEqual(["a&lt;&amp;&quot;\n_x005F_x0041_", "0", "4"]);
  expect([cell("A4")?.[2], cell("C4")]).toEqual(["3", null]);
  expect(parts["xl/styles.xml"]).toContain("FFFFFF00");
  const all = await partsOf(await workbook(own, id, "&rows=all"));
  expect(all["xl/worksheets/sheet1.xml"]).toMatch(/<row r="5"><c r="A5" s="0"><v>4<\/v><\/c><c r="C5"/);
  const { errors } = await corrected(own, id, await workbook(own, id));
  expect(errors.map(({ errors: [one] }) => one?.code)).toEqual(["minimum", "type", "not-rejected"]);
});

test("of a workbook: numbers, dates and all other cells come back as they were", async () => {
  const { description: _, ...policy } = datasets.workbook as { description: string };
  const own = await newClient(url, { ...policy });
  const id = await batchOf(own, readFileSync(join(casesFolder, "xlsx/faults.xlsx")), XLSX);
  const { errors: before } = await outcomeOf(url, own, id);
  const { errors } = await corrected(own, id, await workbook(own, id));
  const cells = ({ raw }: { raw: string }) => JSON.parse(raw).cells;
  const isFormula = (one: unknown) => JSON.stringify(one)?.includes("formula");
  const plain = (one: { raw: string }) => {
    const all = cells(one).map((cell: unknown) => (isFormula(cell) ? null : cell));
    return all.slice(0, all.findLastIndex((cell: unknown) => cell !== null) + 1);
  };
  for (const [i, one] of errors.entries()) expect(plain(one)).toEqual(plain(before[i] as { raw: string }));
  expect(errors.length).toBeGreaterThan(0);
});

test("NDJSON has no cells, and no other format is made", async () => {
  const own = await newClient(url);
  const id = await batchOf(own, "{}\n[]\n", "application/x-ndjson");
  expect((await get(url, own, `/imports/${id}/rejected?format=xlsx`)).status).toBe(422);
  expect((await get(url, own, `/imports/${id}/rejected?format=csv`)).status).toBe(422);
});
