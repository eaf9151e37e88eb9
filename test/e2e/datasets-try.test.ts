/**
 * The promise: before an operator changes a dataset, a trial shows what would happen to the records of a sample or of a batch.
 */
import { get, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import { type Json, startAdmin, url } from "./admin.kit.ts";
import { granted, made, sent } from "./datasets.kit.ts";

startAdmin();

type Part = [name: string, content: string, file?: string];

const formOf = (parts: Part[]): string =>
  `${parts
    .map(
      ([name, content, file]) =>
        `--x\r\nContent-Disposition: form-data; name="${name}"${file ? `; filename="${file}"` : ""}\r\n\r\n${content}\r\n`,
    )
    .join("")}--x--\r\n`;

async function tried(name: string, query: string, ...parts: Part[]) {
  const response = await fetch(`${url}/admin/datasets/${name}/try${query}`, {
    method: "POST",
    body: formOf(parts),
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "multipart/form-data; boundary=x" },
  });
  return { status: response.status, body: (await response.json()) as Json };
}
const draft = (document: object): Part => ["dataset", JSON.stringify(document)];

const schema = { type: "object", required: ["id"], properties: { id: { type: "string" }, n: { type: "integer" } } };
const strict = { ...schema, properties: { ...schema.properties, n: { type: "integer", minimum: 1 } } };
const csv = "id,n\na,0\nb,1\nc,-1\nd,x\n";

async function ended(client: TestClient, id: string): Promise<Json> {
  const answer = await get(url, client, `/imports/${id}`, { prefer: "wait=20" });
  return (await answer.json()) as Json;
}

async function rejectedBatch(document: object, body = csv, type = "text/csv") {
  const name = await made(document);
  const client = await granted(name);
  const { id } = await sent(client, name, body, { "content-type": type });
  await ended(client, id);
  return { name, client, id };
}

test("a sample against a draft, and against a patch of the dataset that there is", async () => {
  const name = await made({ schema });
  const found = await tried(name, "", draft({ schema: strict }), ["file", csv, "a.csv"]);
  expect(found).toMatchObject({
    status: 200,
    body: {
      tried: 4,
      passed: 1,
      counts: { received: 4, accepted: 1, rejected: 3, duplicate: 0 },
      columns: [{ column: "id", field: "id", by: "name" }, { column: "n" }],
      delimiter: ",",
      encoding: "utf-8",
      errors: { total: 3, records: 3, groups: [{ field: "n", code: "minimum", count: 2 }, { code: "type" }] },
      partial: false,
    },
  });
  expect((found.body.records as Json[])[1]).toEqual({
    record: 2,
    line: 3,
    raw: "b,1",
    data: { id: "b", n: 1 },
    errors: [],
  });
  const patched = await tried(name, "?format=csv", draft({ patch: { uniqueKey: "id" } }), ["f", `${csv}a,5\n`, "a"]);
  expect(patched.body).toMatchObject({ tried: 5, passed: 4, counts: { accepted: 3, duplicate: 1 } });
  expect((await tried("not-made-yet", "", draft({ dataset: { schema } }), ["f", csv, "a.csv"])).body).toMatchObject({
    passed: 3,
  });
});

test("the rejected records of a batch, with their numbers and lines: how many would pass now", async () => {
  const { name, id } = await rejectedBatch({ schema: strict });
  const query = `?batch=${id}&only=rejected`;
  const eased = { ...schema, properties: { ...schema.properties, n: { type: "integer", minimum: 0 } } };
  const now = await tried(name, query, draft({ schema: eased }));
  expect(now.body).toMatchObject({
    tried: 3,
    passed: 1,
    counts: { received: 3, accepted: 1, rejected: 2 },
    errors: {
      groups: [
        { code: "minimum", count: 1, firstRecord: 3, firstLine: 4 },
        { firstRecord: 4, firstLine: 5 },
      ],
    },
    records: [
      { record: 1, line: 2, raw: "a,0", data: { id: "a", n: 0 } },
      { record: 3, line: 4 },
      { record: 4, line: 5 },
    ],
    partial: false,
  });
  expect((await tried(name, query, draft({ schema }))).body).toMatchObject({ tried: 3, passed: 2 });
  expect((await tried(name, query, draft({ schema: { required: ["other"] } }))).body).toMatchObject({
    code: "wrong-columns",
  });
});

test("what was too long stays so, and records of JSON come as they were", async () => {
  const body = `{"id":"a","n":"1"}\n{"id":"${"b".repeat(200)}"}\n{"id":"c","n":1}\n[1]\n`;
  const { name, id } = await rejectedBatch({ schema, maxRecordBytes: 100 }, body, "application/x-ndjson");
  const { body: found } = await tried(name, `?batch=${id}&only=rejected`, draft({ schema: {} }));
  expect(found).toMatchObject({ tried: 3, passed: 1, columns: [] });
  expect((found.records as Json[]).map(({ record }) => record)).toEqual([1, 2, 4]);
});

test("the kept body of a batch, whose own keys are no duplicates; without a body it is gone", async () => {
  const { name, client, id } = await rejectedBatch({ schema, uniqueKey: "id", keepBodyDays: 1 });
  const found = await tried(name, `?batch=${id}&client=${client.id}`, draft({ schema: strict, uniqueKey: "id" }));
  expect(found.body).toMatchObject({ tried: 4, passed: 1, counts: { accepted: 1, duplicate: 0 }, partial: false });
  const bare = await rejectedBatch({ schema });
  expect(await tried(name, `?batch=${bare.id}`, draft({ schema }))).toMatchObject({ status: 410 });
});

test("a client's override and keys count", async () => {
  const name = await made({ schema, uniqueKey: "id" });
  const client = await granted(name, { schema: strict });
  const { id } = await sent(client, name, '{"id":"b","n":1}');
  await ended(client, id);
  const file: Part = ["file", csv, "a.csv"];
  expect((await tried(name, "", draft({ patch: {} }), file)).body).toMatchObject({
    passed: 3,
    counts: { duplicate: 0 },
  });
  expect((await tried(name, `?client=${client.id}`, draft({ patch: {} }), file)).body).toMatchObject({
    passed: 1,
    counts: { accepted: 0, duplicate: 1 },
  });
});

test("what the batch's own policy hides stays hidden, also under another name", async () => {
  const hiding = { schema: { ...strict, required: ["n"] }, sensitive: ["id"], keepBodyDays: 1 };
  const { name, id } = await rejectedBatch(hiding, "id,n\nSECRET-1,0\nSECRET-2,5\n");
  const renamed = {
    schema: { properties: { code: { type: "string", maxLength: 2 }, n: { type: "integer" } } },
    read: { fields: { code: { titles: ["id"] } }, unknownColumns: "drop" },
    sensitive: [],
  };
  const dropped = { schema: { properties: { n: { type: "integer" } } }, read: { unknownColumns: "drop" } };
  for (const query of [`?batch=${id}`, `?batch=${id}&only=rejected`])
    for (const document of [renamed, dropped]) {
      const { status, body } = await tried(name, query, draft(document));
      expect([status, JSON.stringify(body).includes("SECRET"), (body.records as Json[])[0]?.raw]).toEqual([
        200,
        false,
        "•••,0",
      ]);
    }
  const sample = await tried(name, "", draft({ schema, sensitive: ["id"] }), ["file", "id,n\nSECRET,1\n", "a.csv"]);
  expect(sample.body.records).toMatchObject([{ raw: "•••,1", data: { id: "•••" } }]);
});

test("nothing is stored", async () => {
  const name = await made({ schema });
  const client = await granted(name);
  const before = await (await get(url, client, `/datasets/${name}`)).json();
  await tried(name, `?client=${client.id}`, draft({ schema: strict, uniqueKey: "id" }), ["f", csv, "a.csv"]);
  expect(await (await get(url, client, `/datasets/${name}`)).json()).toEqual(before);
  expect(await (await get(url, client, "/imports")).json()).toMatchObject({ items: [] });
});

test("four tries run at once on a node, and take no place of a client's uploads", async () => {
  const name = await made({ schema });
  const client = await granted(name, {}, { maxConcurrentUploads: 1 });
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "multipart/form-data; boundary=x" };
  const form = Buffer.from(formOf([draft({}), ["file", csv, "a.csv"]]));
  const ends: (() => void)[] = [];
  const open = () => {
    const body = new ReadableStream({
      start: (stream) => {
        // `fetch` sends nothing before the body's first piece.
        stream.enqueue(form.subarray(0, 1));
        ends.push(() => {
          stream.enqueue(form.subarray(1));
          stream.close();
        });
      },
    });
    const init = { method: "POST", headers, body, duplex: "half" };
    return fetch(`${url}/admin/datasets/${name}/try?client=${client.id}`, init as RequestInit);
  };
  const running = [open(), open(), open(), open()];
  let refused: Json = {};
  await until(async () => {
    refused = (await tried(name, "", draft({}), ["file", csv, "a.csv"])).body;
    return refused.code === "too-many-uploads";
  });
  expect(refused).toMatchObject({ status: 429, limit: 4 });
  await ended(client, (await sent(client, name, '{"id":"a"}')).id);
  for (const end of ends) end();
  expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
});

describe("refused", () => {
  const file: Part = ["file", csv, "a.csv"];
  const any = draft({});
  const wrong: [what: string, query: string, parts: Part[], code: string, pointer?: string][] = [
    ["a draft that is wrong", "", [draft({ maxErrors: -1 }), file], "validation", "/dataset/maxErrors"],
    ["a patch that is wrong", "", [draft({ patch: { maxErrors: "x" } }), file], "validation", "/patch/maxErrors"],
    ["a draft that is no object", "", [["dataset", "[1]"], file], "validation", "/dataset"],
    ["a patch that is no object", "", [draft({ patch: 1 }), file], "validation", "/patch"],
    ["both", "", [draft({ dataset: {}, patch: {} }), file], "validation", ""],
    ["another member", "", [draft({ patch: {}, name: "x" }), file], "validation", "/name"],
    [
      "a number with too many digits",
      "",
      [["dataset", '{"maxErrors":1e999}'], file],
      "validation",
      "/dataset/maxErrors",
    ],
    ["a draft that is no JSON", "", [["dataset", "{"], file], "malformed-body"],
    ["no draft", "", [file], "validation", "/dataset"],
    ["an empty form", "", [], "validation", "/dataset"],
    ["the draft twice", "", [any, any, file], "validation", "/dataset"],
    ["the draft after the file", "", [file, any], "validation", "/dataset"],
    ["no file", "", [any], "validation", "/"],
    ["two files", "", [any, file, ["more", csv, "b.csv"]], "validation", "/more"],
    ["another field", "", [any, ["note", "x"], file], "validation", "/note"],
    ["a file of no known format", "", [any, ["file", "x", "a.pdf"]], "unsupported-media-type"],
    ["a format that the draft does not take", "", [draft({ formats: ["json"] }), file], "unsupported-media-type"],
    ["an empty file", "", [any, ["file", "", "a.csv"]], "empty-body"],
    ["a file beside a batch", "?batch={id}", [any, file], "validation", "/file"],
    ["only without a batch", "?only=rejected", [any, file], "validation", "/only"],
    ["another only", "?batch={id}&only=all", [any], "validation", "/only"],
    ["a format beside a batch", "?batch={id}&format=csv", [any], "validation", "/format"],
    ["an unknown format", "?format=pdf", [any, file], "validation", "/format"],
    ["an unknown query", "?x=1", [any, file], "validation", "/x"],
    ["a client that is not there", "?client=nobody", [any, file], "validation", "/client"],
    ["a batch that is not there", "?batch=nothing", [any], "not-found"],
    ["a batch of another client", "?batch={id}&client={other}", [any], "not-found"],
    ["a batch without rejected records", "?batch={id}&only=rejected", [any], "illegal-state"],
    ["a format that the batch has not", "?batch={id}", [draft({ formats: ["json"] })], "unsupported-media-type"],
  ];
  test.each(wrong.map((one) => [one[0], one] as const))("%s", async (_, [, query, parts, code, pointer]) => {
    const { name, client, id } = await rightBatch();
    const other = await newClient(url);
    const filled = query.replace("{id}", id).replace("{other}", other.id).replace("{client}", client.id);
    expect((await tried(name, filled, ...parts)).body).toMatchObject({
      code,
      ...(pointer !== undefined && { errors: [{ pointer }] }),
    });
  });

  test("a body that is no form, and one that is encoded", async () => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
    const ask = async (more: Record<string, string>) =>
      (await fetch(`${url}/admin/datasets/any/try`, { method: "POST", body: "{}", headers: { ...headers, ...more } }))
        .status;
    expect(await ask({})).toBe(415);
    expect(await ask({ "content-type": "multipart/form-data; boundary=x", "content-encoding": "gzip" })).toBe(415);
    expect(await ask({ "content-type": "multipart/form-data; boundary=x" })).toBe(400);
  });
});

let right: ReturnType<typeof rejectedBatch> | undefined;
function rightBatch() {
  right ??= rejectedBatch({ schema, keepBodyDays: 1 }, "id,n\na,1\n");
  return right;
}
