/**
 * The promise: the summary counts a batch's errors by field and code exactly, whatever the report lists, and the report can be
 * filtered by them.
 */
import { accepted, admin, batchWhen, get, newClient, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";

let system: System;
let url: string;
let own: TestClient;
let id: string;

/** Records 1, 2, 4, 5 and 7 of seven are wrong, up to two in each chunk. The report has room for the first two. */
const body = [{ a: "x", tags: [1, 2] }, { a: "y", tags: ["t", 3] }, { a: 3 }, { a: "x" }, {}, { a: 6 }, { a: null }];

beforeAll(async () => {
  system = await startSystem();
  url = system.url;
  const schema = {
    required: ["a"],
    properties: { a: { type: "integer" }, tags: { type: "array", items: { type: "string" } } },
  };
  own = await newClient(url, { schema, chunkRecords: 2, maxStoredErrors: 5 });
  id = (await accepted(url, own, body.map((one) => JSON.stringify(one)).join("\n"))).id;
  await batchWhen(url, own, id);
});
afterAll(() => system.stop());

const summaryOf = async (answer: Promise<Response>) => (await answer).json();

describe("the summary", () => {
  const summary = {
    total: 8,
    records: 5,
    groups: [
      {
        field: "a",
        code: "type",
        count: 4,
        firstRecord: 1,
        firstLine: 1,
        message: "must be integer",
        values: ['"x"', '"y"', "null"],
      },
      {
        field: "tags[]",
        code: "type",
        count: 3,
        firstRecord: 1,
        firstLine: 1,
        message: "must be string",
        values: ["1", "2", "3"],
      },
      { field: "a", code: "required", count: 1, firstRecord: 5, firstLine: 5, message: "is required", values: [] },
    ],
    other: { count: 0 },
  };

  test("has every fault, also of records that the report does not list", async () => {
    expect(await summaryOf(get(url, own, `/imports/${id}/errors/summary`))).toEqual(summary);
  });

  test("is the same for operators", async () => {
    expect(await summaryOf(admin(url, `/batches/${id}/errors/summary`))).toEqual(summary);
  });

  test("of another client's batch is not found, and takes no query", async () => {
    const other = await newClient(url);
    expect((await get(url, other, `/imports/${id}/errors/summary`)).status).toBe(404);
    expect((await get(url, own, `/imports/${id}/errors/summary?limit=1`)).status).toBe(422);
  });
});

describe("parts of the report", () => {
  const ask = async (query: string, accept = "application/json") =>
    get(url, own, `/imports/${id}/errors${query}`, { accept });
  const page = async (query: string) =>
    (await ask(query)).json() as Promise<{ items: { record: number }[]; next: number | null }>;
  const numbers = async (query: string) => (await page(query)).items.map(({ record }) => record);

  test("are pages of JSON, and the last one tells what is not listed", async () => {
    const whole = await page("");
    expect(whole).toEqual({
      items: [expect.objectContaining({ record: 1, line: 1, raw: JSON.stringify(body[0]) }), expect.anything()],
      next: null,
      truncated: true,
      records: 3,
    });
    const first = await page("?limit=1");
    expect(first).toEqual({ items: [whole.items[0]], next: 1 });
    expect(await page(`?limit=1&after=${first.next}`)).toEqual({ ...whole, items: [whole.items[1]] });
  });

  test.each([
    ["?field=a", [1, 2]],
    ["?field=tags[]&code=type", [1, 2]],
    ["?field=tags[0]", [1]],
    ["?code=required", []],
    ["?field=a&after=1", [2]],
  ])("%s", async (query, found) => {
    expect(await numbers(query)).toEqual(found);
  });

  test("are lines and rows too; a limit leaves the end open", async () => {
    const lines = await (await ask("?field=a&limit=1", "application/x-ndjson")).text();
    expect(
      lines
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).record),
    ).toEqual([1]);
    const csv = await (await ask("?after=1", "text/csv")).text();
    expect(
      csv
        .trimEnd()
        .split("\r\n")
        .map((row) => row.split(",")[0]),
    ).toEqual(["record", "2", "2", ""]);
  });

  test("a client that takes anything gets lines", async () => {
    const answer = await ask("", "application/json, text/plain, */*");
    expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
    await answer.text();
  });

  test.each(["limit=0", "limit=201", "limit=x", "after=-1", "after=a", "fields=a", "code=a&code=b"])(
    "%s is refused",
    async (query) => {
      expect((await ask(`?${query}`)).status).toBe(422);
    },
  );
});
