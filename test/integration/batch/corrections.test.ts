/**
 * The promise: a partner sends the file of rejected records back corrected. Each record is delivered once, and the first batch
 * counts them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { outcomeOf, problemOf } from "../../e2e/imported.ts";
import { casesFolder, knownCases } from "../../helpers/cases.ts";
import { accepted, type Batch, batchWhen, get, newClient } from "../../helpers/http.ts";
import { describeOnce } from "../../helpers/once.ts";
import { recordsComeBackAgain } from "./corrections.again.suite.ts";
import { batchOf, corrected, counts, fileOf, marked, schema, send, startCorrections, url } from "./corrections.kit.ts";

startCorrections();

const { datasets, cases } = knownCases<{
  id: string;
  file: string;
  request: { contentType: string };
  dataset: string;
  want: { status: number; rejected?: number };
}>();

/** The text that stands for unlisted records in the file of a batch whose body is deleted. */
const MORE = "2 more rejected records are not listed.";

test("CSV: corrected records are delivered, and the first batch counts them", async () => {
  const own = await newClient(url, { schema });
  const first = await batchOf(own, "id;n;x\na;0;1\nb;1;2\nc;;3\nd;0;4\n");
  const { bytes, type } = await fileOf(own, first);
  const file = bytes.toString().replace(";a;0;1", ";a;5;1").replace(";c;;3", ";c;6;3");
  const { batch, data, errors, id } = await corrected(own, first, file, type);
  expect(data).toEqual([
    { id: "a", n: 5, x: "1" },
    { id: "c", n: 6, x: "3" },
  ]);
  expect(batch).toMatchObject({ corrects: first, retryOf: null, counts: { received: 3, accepted: 2, rejected: 1 } });
  expect(errors).toMatchObject([{ record: 3, line: 4, raw: "d;0;4" }]);
  expect(await counts(own, first)).toMatchObject({ rejected: 3, corrected: 2 });
  expect(await marked(own, first)).toEqual([1, 3]);

  const again = await corrected(own, first, file.replace(";d;0", ";d;9"), type);
  expect(again.data).toEqual([{ id: "d", n: 9, x: "4" }]);
  expect(again.errors.map(({ record, errors: [fault] }) => [record, fault?.code])).toEqual([
    [1, "not-rejected"],
    [2, "not-rejected"],
  ]);
  expect(await counts(own, first)).toMatchObject({ corrected: 3 });
  expect(((await (await get(url, own, "/imports?limit=1")).json()) as { items: Batch[] }).items[0]).toMatchObject({
    id: again.id,
    corrects: first,
  });
  expect(id).not.toBe(first);
});

test("a record number is refused if it was not rejected, comes twice or is no number; a record without a number is an ordinary record", async () => {
  const own = await newClient(url, { schema });
  const first = await batchOf(own, "id,n\na,0\nb,1\nc,0\n");
  const file = "_errors,id,_Record,n\n,a,1,7\n,b,2,7\n,a,1,8\n,x,,9\n,y,z,9\n,z,99,9\n";
  const { data, errors } = await corrected(own, first, file);
  expect(data).toEqual([
    { id: "a", n: 7 },
    { id: "x", n: 9 },
  ]);
  expect(errors.map(({ record, raw, errors: [fault] }) => [record, raw, fault?.code])).toEqual([
    [2, "b,7", "not-rejected"],
    [3, "a,8", "not-rejected"],
    [5, "y,9", "not-rejected"],
    [6, "z,9", "not-rejected"],
  ]);
  expect(await counts(own, first)).toMatchObject({ corrected: 1 });

  const twice = '{"_record":3,"_record":1,"id":"c","n":7}';
  expect((await corrected(own, first, twice, "application/x-ndjson")).errors).toMatchObject([
    { errors: [{ code: "not-rejected" }] },
  ]);
});

test.each([
  ["text/csv", `id,n\na,${"9".repeat(99)}\n\u0000,0\nc,0\n`, ["1,,,", "2,,,"]],
  [
    "application/x-ndjson",
    `{"id":"a","n":${"9".repeat(99)}}\n{"id":"\u0000","n":0}\n{"id":"c","n":0}\n`,
    ['{"_record":1,"n":1}', '{"_record":2}'],
  ],
])(
  "%s: a record that comes back without its value is not corrected until the value is filled in",
  async (type, body, empty) => {
    const lax = { properties: { n: { type: "integer", minimum: 1 } } };
    const own = await newClient(url, { schema: lax, maxRecordBytes: 64 });
    const first = await batchOf(own, body, type);
    // The limit holds for a record without the two columns.
    const second = await corrected(own, first, (await fileOf(own, first)).bytes, type);
    const codes = second.errors.map(({ errors: [fault] }) => fault?.code);
    expect([second.data, codes.slice(0, 2)]).toEqual([[], ["not-rejected", "not-rejected"]]);
    expect(await counts(own, first)).not.toHaveProperty("corrected");
    const head = type === "text/csv" ? "_record,_errors,id,n\n" : "";
    const filled = `${head}${empty.join("\n").replace("1,,,", "1,,,1")}\n`;
    expect((await corrected(own, second.id, filled, type)).data).toEqual([{ n: 1 }]);
    expect(await counts(own, first)).toMatchObject({ corrected: 1 });
    const text = "c".repeat(64);
    const long = type === "text/csv" ? `${head}3,,${text},1` : `{"_record":3,"id":"${text}","n":1}`;
    expect((await corrected(own, first, long, type)).errors).toMatchObject([{ errors: [{ code: "too_large" }] }]);
  },
);

test.each([
  ["application/x-ndjson", '{"id":"a","n":0}\n{"id":"b","n":1.10}\n'],
  ["application/json", '[{"id":"a","n":0},{"id":"b","n":1.10}]'],
])("%s: the members _record and _errors are removed, wherever they are", async (type, body) => {
  const own = await newClient(url, { schema: { properties: { n: { minimum: 2 } } } });
  const first = await batchOf(own, body, type);
  const { bytes } = await fileOf(own, first);
  const file = bytes.toString().replace('"n":0', '"n":2').replace("1.10", "9007199254740993");
  const { data, batch, id } = await corrected(own, first, file, type);
  expect(data).toMatchObject([{ id: "a", n: 2 }, { id: "b" }]);
  expect(await (await get(url, own, `/imports/${id}/records`)).text()).toContain('{"id":"b","n":9007199254740993}');
  expect(batch.counts).toMatchObject({ accepted: 2 });
  const other = await batchOf(own, '{"id":"a","n":0}\n', "application/x-ndjson");
  const moved = '{ "id" : "a", "_errors":"x}\\",", "n":3 , "_record" : 1 }\n{"_record":"1"}\n{"_record":null,"n":4}\n';
  const outcome = await corrected(own, other, moved, "application/x-ndjson");
  expect(outcome.data).toEqual([{ id: "a", n: 3 }, { n: 4 }]);
  expect(outcome.errors).toMatchObject([{ record: 2, errors: [{ code: "not-rejected" }] }]);
});

test.each([
  ["text/csv", "id,n\na,0\nb,0\nc,0\n", `,${MORE},,\r\n`, /2,.*\r\n3,.*\r\n/],
  [
    ...["application/x-ndjson", '{"id":"a","n":0}\n{"id":"b","n":0}\n{"id":"c","n":0}\n'],
    ...[`{"_record":null,"_errors":"${MORE}"}\n`, /.*"b".*\n.*"c".*\n/],
  ],
  [
    ...["application/json", '[{"id":"a","n":0},{"id":"b","n":0},{"id":"c","n":0}]'],
    ...[`{"_record":null,"_errors":"${MORE}"}\n`, /.*"b".*\n.*"c".*\n/],
  ],
] as [string, string, string, RegExp][])(
  "%s: the row that counts unlisted rejected records is not a record",
  async (type, body, last, rest) => {
    const lax = { properties: { n: { type: "integer", minimum: 1 } } };
    const own = await newClient(url, { schema: lax, maxStoredErrors: 1 });
    const first = await batchOf(own, body, type);
    const sent = (await fileOf(own, first)).bytes.toString().replace(rest, last);
    const { data, errors } = await corrected(own, first, sent.replace("a,0", "a,1").replace('"n":0', '"n":1'), type);
    expect(data).toEqual([{ id: "a", n: 1 }]);
    expect(errors).toMatchObject([{ record: 2, errors: [{ code: "not-rejected" }] }]);
  },
);

test("the preview of a correction shows its records", async () => {
  const own = await newClient(url, { schema });
  const first = await batchOf(own, "id,n\na,0\n");
  const file = (await fileOf(own, first)).bytes.toString().replace("a,0", "a,1");
  const { id } = (await (await send(own, first, file, "text/csv", "&validateOnly=true")).json()) as Batch;
  await batchWhen(url, own, id);
  const preview = await (await get(url, own, `/imports/${id}/preview`)).json();
  expect(preview).toMatchObject({ records: [{ record: 1, raw: "a,1", data: { id: "a", n: 1 } }] });
});

test("only an ended batch of the same client and dataset is corrected", async () => {
  const own = await newClient(url, { schema, requiresApproval: true });
  const { id } = await accepted(url, own, "id,n\na,0\n", "text/csv");
  expect(await problemOf(await send(own, id, "id,n\na,1\n", "text/csv"))).toMatchObject({
    ...{ status: 409, code: "illegal-state", current: "held" },
  });
  const other = await newClient(url, { schema });
  expect((await send(other, id, "id,n\na,1\n", "text/csv")).status).toBe(404);
  expect((await send(other, "x", "id,n\na,1\n", "text/csv")).status).toBe(404);
});

describeOnce("the files of test/cases", () => {
  const refused = cases.filter(({ want }) => want.status === 202 && (want.rejected ?? 0) > 0);
  test.each(refused.map((one) => [one.id, one] as const))("%s: comes back as the same records", async (_, one) => {
    const { description: _text, ...policy } = datasets[one.dataset] as { description: string };
    const { formats } = policy as { formats?: string[] };
    const own = await newClient(url, { ...policy, ...(formats && { formats: [...formats, "csv"] }) });
    const { id } = await accepted(
      url,
      own,
      readFileSync(join(casesFolder, one.file)) as unknown as string,
      one.request.contentType,
    );
    const before = await outcomeOf(url, own, id);
    const { bytes, type } = await fileOf(own, id);
    const { errors } = await corrected(own, id, bytes, type);
    // Nothing was corrected, so each record is rejected again for the same reasons, with the same text.
    const told = (all: typeof errors) =>
      all.map(({ raw, errors: faults }) => [raw, faults.map(({ field, code }) => [field, code])]);
    const isKept = ({ errors: [fault] }: (typeof errors)[number]) =>
      fault?.code !== "encoding" && fault?.code !== "malformed";
    if (one.file.endsWith(".xlsx")) expect(errors).toHaveLength(before.errors.length);
    else if (before.errors.every(isKept)) expect(told(errors)).toEqual(told(before.errors));
    else expect(errors.length).toBeGreaterThan(0);
  });
});

recordsComeBackAgain();
