/** The promise: lists are complete, page by page, and every fault of a record is reported. */
import { accepted, admin, type Batch, batchWhen, get, newClient, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { imported, problemOf, schema } from "./imported.ts";

let system: System;
let url: string;

beforeAll(async () => {
  system = await startSystem();
  url = system.url;
});
afterAll(() => system.stop());

describe("lists", () => {
  let own: TestClient;
  const ids: string[] = [];
  beforeAll(async () => {
    own = await newClient(url, { schema: { required: ["a"] } });
    for (let i = 0; i < 7; i++) {
      const { id } = await accepted(url, own, i === 3 ? '{"b":1}' : '{"a":1}');
      await batchWhen(url, own, id);
      ids.unshift(id);
    }
  });
  const page = async (query: string) =>
    (await (await get(url, own, `/imports${query}`)).json()) as { items: Batch[]; next: string | null };

  test("lists are newest first, page by page, with each batch once", async () => {
    const found: string[] = [];
    const sizes: number[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const { items, next } = await page(`?limit=3${cursor && `&cursor=${cursor}`}`);
      found.push(...items.map(({ id }) => id));
      sizes.push(items.length);
      cursor = next;
    }
    expect(found).toEqual(ids);
    expect(sizes).toEqual([3, 3, 1]);
  });

  test("a full last page has no next page", async () => {
    expect(await page("?limit=7")).toMatchObject({ next: null, items: { length: 7 } });
    expect((await page("?limit=6")).next).not.toBeNull();
    expect(await page("?limit=200")).toMatchObject({ next: null, items: { length: 7 } });
  });

  test("lists filter by status, also over pages", async () => {
    expect((await page("?status=completed_with_errors")).items.map(({ id }) => id)).toEqual([ids[3]]);
    const first = await page("?status=completed&limit=4");
    const second = await page(`?status=completed&limit=4&cursor=${first.next}`);
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids.filter((id) => id !== ids[3]));
    expect(second.next).toBeNull();
    expect(await page("?status=held")).toEqual({ items: [], next: null });
  });

  test("an item of a list is the same as the batch by its id", async () => {
    const { items } = await page("?limit=1");
    expect(items[0]).toEqual(await (await get(url, own, `/imports/${ids[0]}`)).json());
  });

  test("a cursor reveals no id, and is valid only for its list and client", async () => {
    const { next } = await page("?limit=1");
    const cursor = next as string;
    expect(Buffer.from(cursor, "base64url").toString()).not.toContain("before");
    expect((await page(`?limit=1&status=completed&cursor=${cursor}`)).items[0]?.id).toBe(ids[1]);
    const other = await newClient(url);
    await newClient(url);
    const clients = (await (await admin(url, "/clients?limit=1")).json()) as { next: string };
    const changed = `${cursor[0] === "A" ? "B" : "A"}${cursor.slice(1)}`;
    const refused = await Promise.all([
      get(url, other, `/imports?cursor=${cursor}`),
      get(url, own, `/imports?cursor=${clients.next}`),
      get(url, own, `/imports?cursor=${changed}`),
      ...["/batches", "/clients", "/deliveries"].map((path) => admin(url, `${path}?cursor=${cursor}`)),
    ]);
    for (const response of refused)
      expect(await problemOf(response)).toMatchObject({
        status: 422,
        code: "validation",
        errors: [{ pointer: "/cursor" }],
      });
  });

  test("the list of another client has none of these batches", async () => {
    const other = await newClient(url);
    expect(await (await get(url, other, "/imports")).json()).toEqual({ items: [], next: null });
  });
});

describe("errors", () => {
  let own: TestClient;
  beforeAll(async () => {
    own = await newClient(url, { schema });
  });

  test("every fault of a record is reported with its path and keyword", async () => {
    const body = [
      { amount: 0, paid: 1, address: { zip: "1" }, tags: ["a", "b", 3] },
      { id: 1 },
      { id: "x" },
      { id: 2.5, state: 7 },
    ];
    const { batch, errors } = await imported(url, own, body.map((one) => JSON.stringify(one)).join("\n"));
    expect(batch).toMatchObject({ status: "completed_with_errors", counts: { received: 4, accepted: 1, rejected: 3 } });
    const codes = errors.map(({ record, line, errors: faults }) => [
      record,
      line,
      ...faults.map(({ field, code }) => `${field} ${code}`).sort(),
    ]);
    expect(codes).toEqual([
      [1, 1, "address.zip minLength", "amount exclusiveMinimum", "id required", "paid type", "tags[2] type"],
      [3, 3, "id type"],
      [4, 4, "id type", "state type"],
    ]);
    expect(errors[0]?.raw).toBe(JSON.stringify(body[0]));
    expect(errors.flatMap(({ errors: faults }) => faults).every(({ message }) => message.length > 0)).toBe(true);
  });

  test("a line that is no object, no JSON or no UTF-8 is an error of that record only", async () => {
    const body = Buffer.concat([
      Buffer.from('{"id":1}\n\n[1]\nnull\n"x"\n{"id":}\n{"id":2,"text":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}\r\n{"id":3}'),
    ]);
    const { batch, errors, records } = await imported(url, own, body);
    expect(batch.counts).toEqual({ received: 7, accepted: 2, rejected: 5, duplicate: 0 });
    expect(errors.map(({ record, line, errors: [fault] }) => [record, line, fault?.code])).toEqual([
      [2, 3, "malformed"],
      [3, 4, "malformed"],
      [4, 5, "malformed"],
      [5, 6, "malformed"],
      [6, 7, "encoding"],
    ]);
    expect(records.map(({ record }) => record)).toEqual([1, 7]);
  });

  test("an element of a JSON array has no line, and a wrong one does not affect others", async () => {
    const { batch, errors, records } = await imported(
      url,
      own,
      '[{"id":1},5,{"id":tru},\n{"id":2}]',
      "application/json",
    );
    expect(batch.counts).toMatchObject({ received: 4, accepted: 2, rejected: 2 });
    expect(errors).toMatchObject([
      { record: 2, line: null, errors: [{ code: "malformed" }], raw: "5" },
      { record: 3, line: null, errors: [{ code: "malformed" }], raw: '{"id":tru}' },
    ]);
    expect(records.map(({ record }) => record)).toEqual([1, 4]);
  });

  test("up to 100 faults of a record are reported", async () => {
    const many = await newClient(url, { schema: { additionalProperties: { type: "string" } } });
    const record = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`f${i}`, i]));
    const { errors } = await imported(url, many, JSON.stringify(record));
    expect(errors[0]?.errors).toHaveLength(100);
  });

  describe("beyond maxStoredErrors", () => {
    const record = '{"a":1}\n';
    /** Imports records with two faults each, two records in each chunk. */
    const imports = async (policy: object) => {
      const own = await newClient(url, { schema: { required: ["b", "c"] }, chunkRecords: 2, ...policy });
      const { id } = await accepted(url, own, `${record.repeat(7)}{"b":1,"c":1}`);
      const batch = await batchWhen(url, own, id);
      return { own, id, batch, report: await (await get(url, own, `/imports/${id}/errors`)).text() };
    };
    const parsed = (report: string) =>
      report
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));

    test.each([
      [5, 2],
      [6, 3],
      [0, 0],
    ])("%i: records are listed with all their faults, the rest is counted", async (maxStoredErrors, listed) => {
      const { own, id, batch, report } = await imports({ maxStoredErrors });
      expect(batch).toMatchObject({ counts: { received: 8, accepted: 1, rejected: 7 } });
      const lines = parsed(report);
      expect(lines.slice(0, -1).map((line) => [line.record, line.errors.length])).toEqual(
        Array.from({ length: listed }, (_, i) => [i + 1, 2]),
      );
      expect(lines.at(-1)).toEqual({ truncated: true, records: 7 - listed });
      const csv = await (await get(url, own, `/imports/${id}/errors`, { accept: "text/csv" })).text();
      const rows = csv.trimEnd().split("\r\n");
      expect(rows).toHaveLength(1 + 2 * listed + 1);
      expect(rows.at(-1)).toBe(`,,,truncated,${7 - listed} more rejected records are not listed.,,,`);
    });

    test("a report that lists all records has no last line about it", async () => {
      const { report } = await imports({ maxStoredErrors: 14 });
      expect(parsed(report).map(({ record: number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    });

    test("a rejectBatch batch delivers nothing, and its counts are exact", async () => {
      const { batch, report } = await imports({ maxStoredErrors: 4, onInvalid: "rejectBatch" });
      expect(batch).toMatchObject({ status: "failed", error: { code: "invalid-records" }, counts: { rejected: 7 } });
      expect(parsed(report).at(-1)).toEqual({ truncated: true, records: 5 });
    });

    test("maxErrors also counts records that the report does not list", async () => {
      const { batch, report } = await imports({ maxStoredErrors: 4, maxErrors: 5 });
      expect(batch).toMatchObject({ status: "failed", error: { code: "too-many-errors" }, counts: { rejected: 6 } });
      expect(parsed(report).at(-1)).toEqual({ truncated: true, records: 4 });
    });
  });

  test("CSV reports have a row for each fault, and no cell is a formula", async () => {
    const texts = ["=1+1", "+x", "-x", "@x", "\tx", 'quo"te, comma', "two\nlines"];
    const csv = `id,text\n${texts.map((text) => `"${text.replaceAll('"', '""')}",x`).join("\n")}\n`;
    const { id } = await accepted(url, own, csv, "text/csv");
    await batchWhen(url, own, id);
    const response = await get(url, own, `/imports/${id}/errors`, { accept: "text/csv" });
    expect(response.headers.get("content-type")).toMatch(/^text\/csv\b/);
    const text = await response.text();
    const rows = (await import("papaparse")).default.parse<string[]>(text, { skipEmptyLines: true }).data;
    expect(rows[0]).toEqual(["record", "line", "field", "code", "message", "raw", "column", "value"]);
    expect(rows.slice(1).map(([record, line, field, code]) => [record, line, field, code])).toEqual(
      texts.map((_, i) => [String(i + 1), String(i + 2), "id", "type"]),
    );
    for (const cell of rows.flat()) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
    const { id: plain } = await accepted(url, own, "id\n=1+1\n-2.5\n@x\n", "text/csv");
    await batchWhen(url, own, plain);
    const raws = await (await get(url, own, `/imports/${plain}/errors`, { accept: "text/csv" })).text();
    expect(raws).toContain(",'=1+1\r\n");
    expect(raws).toContain(",'-2.5\r\n");
    expect(raws).toContain(",'@x\r\n");
  });

  test("reports are NDJSON unless the client asks for CSV", async () => {
    const { batch } = await imported(url, own, '{"id":"x"}');
    for (const accept of ["*/*", "application/x-ndjson", "text/csv;q=0.1, application/x-ndjson", "text/csv;q=0"]) {
      const response = await get(url, own, `/imports/${batch.id}/errors`, { accept });
      expect(response.headers.get("content-type")).toMatch(/^application\/x-ndjson\b/);
    }
  });

  test("the report of a batch without errors is empty", async () => {
    const { batch, errors } = await imported(url, own, '{"id":1}');
    expect(errors).toEqual([]);
    const csv = await get(url, own, `/imports/${batch.id}/errors`, { accept: "text/csv" });
    expect(await csv.text()).toBe("record,line,field,code,message,raw,column,value\r\n");
  });
});
