/**
 * The promise: rejected records that the error report does not list are read from the body and can be corrected. The whole file
 * can be fetched, too.
 */

import { outcomeOf, problemOf } from "../../e2e/imported.ts";
import { accepted, type Batch, batchWhen, get, newClient, post, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { ended, row } from "./kit.ts";
import { due, endStarted, start, system } from "./waiting.kit.ts";

endStarted();

const CSV = "text/csv";
const NDJSON = "application/x-ndjson";
const schema = { properties: { n: { type: "integer", minimum: 1 } } };
const few = { schema, maxStoredErrors: 2, chunkRecords: 3 };
const said = "n: must be >= 1";
/** Record 1 and each third record after it are right. */
const rows = Array.from({ length: 10 }, (_, i) => `r${i + 1},${i % 3 === 0 ? 1 : 0}\n`);
const wrong = rows.flatMap((text, i) => (text.endsWith(",0\n") ? [`${i + 1},${said},${text.trim()}`] : []));

async function batchOf(own: TestClient, body: string, type = CSV) {
  const { id } = await accepted(system.url, own, body, type);
  await ended(system, own, id);
  return id;
}
const fileOf = async (own: TestClient, id: string, query = "") => {
  const response = await get(system.url, own, `/imports/${id}/rejected${query}`);
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer()).toString();
};
async function corrected(own: TestClient, id: string, body: string, type = CSV) {
  const { id: made } = (await (
    await fetch(`${system.url}/imports?corrects=${id}`, {
      method: "POST",
      headers: { authorization: own.auth, "content-type": type },
      body,
    })
  ).json()) as Batch;
  const { records, errors } = await outcomeOf(system.url, own, made);
  return { id: made, data: records.map(({ data }) => data), codes: errors.map((one) => one.errors?.[0]?.code ?? "…") };
}
const seen = async (own: TestClient, id: string) =>
  (await (await get(system.url, own, `/imports/${id}`)).json()) as Batch;

test("beyond maxStoredErrors the file of rejected records continues from the body, and a correction with the whole file is accepted", async () => {
  await start();
  const own = await newClient(system.url, few);
  const id = await batchOf(own, `id,n\n${rows.join("")}`);
  const file = await fileOf(own, id);
  expect(file).toBe(`\ufeff_record,_errors,id,n\r\n${wrong.join("\r\n")}\r\n`);
  const again = await corrected(own, id, file.replaceAll(/(r[23568]),0/g, "$1,5"));
  expect(again.data.map((one) => (one as { id: string }).id)).toEqual(["r2", "r3", "r5", "r6", "r8"]);
  expect(await seen(own, id)).toMatchObject({ counts: { rejected: 6, corrected: 5 } });
  // The record that was rejected again is corrected in the first batch, and then in the second one.
  expect((await corrected(own, id, "_record,id,n\n9,r9,7\n10,r10,1\n3,r3,8\n77,x,1\n")).codes).toEqual([
    "not-rejected",
    "not-rejected",
    "…",
  ]);
  expect((await corrected(own, again.id, "_record,id,n\n6,r9,8\n")).codes).toEqual(["not-rejected"]);
  expect(await seen(own, id)).toMatchObject({ counts: { corrected: 6 } });
});

test("a correction whose own report is full still marks the records of the first batch", async () => {
  await start();
  const own = await newClient(system.url, few);
  const id = await batchOf(own, `id,n\n${rows.join("")}`);
  const second = await corrected(own, id, await fileOf(own, id));
  const file = await fileOf(own, second.id);
  expect(file.split("\r\n")).toHaveLength(8);
  const third = await corrected(own, second.id, file.replaceAll(/(r\d),0/g, "$1,5"));
  expect(third.data).toHaveLength(6);
  expect(await seen(own, id)).toMatchObject({ counts: { corrected: 6 } });
  expect((await corrected(own, id, "_record,id,n\n8,r8,7\n")).codes).toEqual(["not-rejected"]);
});

test("the body stays for validatedHours; then the file says how many are missing", async () => {
  await start();
  const own = await newClient(system.url, { ...few, validatedHours: 5 });
  const id = await batchOf(own, `id,n\n${rows.join("")}`);
  const other = await batchOf(own, "id,n\na,0\nb,0\n");
  const kept = await row(system, id);
  expect(((kept.dueAt as number) - (kept.finishedAt as number)) / 3_600_000).toBeCloseTo(5, 2);
  expect([kept.chunks, (await row(system, other)).chunks]).toEqual([4, 0]);
  await due("batch", `id = ${kept.id}`);
  await until(async () => (await row(system, id)).chunks === 0);
  const gone = await row(system, id);
  expect(((gone.dueAt as number) - (gone.finishedAt as number)) / 86_400_000).toBeCloseTo(30, 2);
  expect(await fileOf(own, id)).toBe(
    `\ufeff_record,_errors,id,n\r\n${wrong[0]}\r\n${wrong[1]}\r\n,4 more rejected records are not listed.,,\r\n`,
  );
  expect(await problemOf(await get(system.url, own, `/imports/${id}/rejected?rows=all`))).toMatchObject({
    ...{ status: 410, code: "gone" },
  });
  // Whether this record was rejected is no longer known.
  expect((await corrected(own, id, "_record,id,n\n9,r9,7\n")).codes).toEqual(["not-rejected"]);
});

test.each([
  [NDJSON, '{"n":1}\n{"n":0}\n\n{"n":\n{"n":-1}\n', ["", said, "malformed", said]],
  ["application/json", '[{"n":1},{"n":0},\n3,{"n":-1}]', ["", said, "malformed", said]],
])("rows=all of %s: each record, with what is wrong", async (type, body, faults) => {
  await start();
  const own = await newClient(system.url, { ...few, maxStoredErrors: 1, keepBodyDays: 1 });
  const id = await batchOf(own, body, type);
  const file = await fileOf(own, id, "?rows=all");
  const all = file.split("\n").filter((text) => text.includes("_record"));
  expect(all).toHaveLength(faults.length);
  for (const [i, fault] of faults.entries())
    expect(all[i]).toMatch(new RegExp(`^\\{"_record":${i + 1},"_errors":"${fault === "malformed" ? '[^"]+' : fault}"`));
  expect(all[0]).toContain(',"n":1}');
});

test("rows=all of CSV: the whole file in its own form", async () => {
  await start();
  const own = await newClient(system.url, { ...few, maxStoredErrors: 100, keepBodyDays: 1, requiresApproval: true });
  const { id } = (await (await post(system.url, own, 'a;n\n"x; y";1\n\u00e9;0\n', CSV)).json()) as Batch;
  const early = await get(system.url, own, `/imports/${id}/rejected?rows=all`);
  expect(await problemOf(early)).toMatchObject({ status: 409, current: "held" });
  const free = await newClient(system.url, { ...few, keepBodyDays: 1 });
  const latin = Buffer.from('a;n\n"x; y";1\n\u00e9;0\n ;2\n7;3\n', "latin1");
  const made = await accepted(system.url, free, latin as unknown as string, `${CSV}; charset=windows-1252`);
  await batchWhen(system.url, free, made.id);
  const response = await get(system.url, free, `/imports/${made.id}/rejected?rows=all`);
  expect(response.headers.get("content-type")).toMatch(/charset=windows-1252/);
  expect(response.headers.get("content-disposition")).toContain(`${made.id}-rows.csv`);
  expect(
    Buffer.from(await response.arrayBuffer())
      .toString("latin1")
      .split("\r\n"),
  ).toEqual([...["_record;_errors;a;n", '1;;"x; y";1', `2;${said};\u00e9;0`, "3;; ;2", "4;;7;3", ""]]);
  expect((await get(system.url, free, `/imports/${made.id}/rejected?rows=some`)).status).toBe(422);
});
