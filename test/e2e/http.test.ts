/** The promise: what a client sees of its batches, limits and errors over HTTP is what INTERFACE.md says. */
import { createHash } from "node:crypto";
import {
  accepted,
  admin,
  type Batch,
  batchWhen,
  get,
  lines,
  newClient,
  post,
  type TestClient,
} from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { until } from "./bad-input.kit.ts";

let system: System;
let url: string;
let client: TestClient;
/** Chunks that the handler has in hand, each with what lets it go. */
const held: (() => void)[] = [];

const holding = {
  name: "holding",
  actions: {
    take: {
      importHandler: true,
      handler: () =>
        new Promise((resolve) => {
          held.push(() => resolve(undefined));
        }),
    },
  },
};

const schema = {
  type: "object",
  required: ["id"],
  properties: {
    id: { type: "integer" },
    amount: { type: "number", exclusiveMinimum: 0 },
    paid: { type: "boolean" },
    text: { type: "string" },
    state: { type: "string", default: "new" },
    address: { type: "object", properties: { zip: { type: "string", minLength: 4 } } },
    tags: { type: "array", items: { type: "string" } },
  },
};

beforeAll(async () => {
  system = await startSystem({ extra: [holding as never] });
  url = system.url;
  client = await newClient(url);
});
afterAll(async () => {
  for (const letGo of held) letGo();
  await system.stop();
});

interface Rejected {
  record: number;
  line: number | null;
  errors: { field: string; code: string; message: string }[];
  raw: string;
}
interface Stored {
  record: number;
  data: Record<string, unknown>;
}

/** Posts a body and waits for its end; with its records and errors. */
async function imported(who: TestClient, body: string | Buffer, type = "application/x-ndjson") {
  const { id } = await accepted(url, who, body as string, type);
  const batch = await batchWhen(url, who, id);
  const records = await lines<Stored>(get(url, who, `/imports/${id}/records`));
  const errors = await lines<Rejected>(get(url, who, `/imports/${id}/errors`));
  return { batch, records, errors };
}

const problemOf = async (response: Response) => ({
  status: response.status,
  ...((await response.json()) as Record<string, unknown>),
});

describe("the batch", () => {
  test("is answered whole, with where it is and when to ask again", async () => {
    const body = '{"a":1}\n{"a":2}\n';
    const response = await post(url, client, body, "application/x-ndjson", { "x-request-id": "my-own-id" });
    const batch = (await response.json()) as Batch;
    const self = `/imports/${batch.id}`;
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(response.status).toBe(202);
    expect(response.headers.get("location")).toBe(self);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(response.headers.get("content-type")).toMatch(/^application\/json\b/);
    const always = {
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      format: "ndjson",
      bytes: 16,
      checksum: `sha-256=:${createHash("sha256").update(body).digest("base64")}:`,
      hold: null,
      error: null,
      retryOf: null,
      requestId: "my-own-id",
      createdAt: time,
      readyAt: time,
      links: { self, errors: `${self}/errors`, records: `${self}/records`, events: `${self}/events` },
    };
    expect(batch).toMatchObject({ ...always, counts: { received: 2, accepted: 0, rejected: 0, duplicate: 0 } });
    const ended = await batchWhen(url, client, batch.id);
    expect(ended).toEqual({
      ...always,
      status: "completed",
      counts: { received: 2, accepted: 2, rejected: 0, duplicate: 0 },
      progress: 1,
      attempts: 1,
      startedAt: time,
      finishedAt: time,
    });
    expect((await get(url, client, self)).headers.has("retry-after")).toBe(false);
  });

  test("is cancelled at once, and its worker's later writes are refused", async () => {
    const own = await newClient(url, { handler: "holding.take", chunkRecords: 1 });
    const { id } = await accepted(url, own, '{"a":1}\n{"a":2}\n');
    await until(() => held.length > 0, "the handler has the first chunk");
    expect(await batchWhen(url, own, id, ({ status }) => status === "processing")).toMatchObject({ finishedAt: null });
    const waiting = await get(url, own, `/imports/${id}`);
    expect(waiting.headers.get("retry-after")).toBe("1");
    const response = await fetch(`${url}/imports/${id}/cancel`, {
      method: "POST",
      headers: { authorization: own.auth },
    });
    const cancelled = (await response.json()) as Batch;
    expect(response.status).toBe(200);
    expect(cancelled).toMatchObject({ id, status: "cancelled", counts: { received: 2, accepted: 0 }, error: null });
    for (const letGo of held.splice(0)) letGo();
    // A batch of the same client that runs after it shows that its place is free; it could not run before.
    const { id: next } = await accepted(url, own, '{"a":3}\n');
    await until(() => held.length > 0, "the handler has the next batch");
    for (const letGo of held.splice(0)) letGo();
    expect((await batchWhen(url, own, next)).status).toBe("completed");
    expect(await batchWhen(url, own, id)).toEqual(cancelled);
    const again = await fetch(`${url}/imports/${id}/cancel`, { method: "POST", headers: { authorization: own.auth } });
    expect(await problemOf(again)).toMatchObject({ status: 409, code: "illegal-state", current: "cancelled" });
  });

  test("HEAD tells the same head as GET, without a body", async () => {
    const { batch } = await imported(client, '{"a":1}');
    for (const path of ["", "/errors", "/records"]) {
      const asked = await get(url, client, `/imports/${batch.id}${path}`);
      const head = await fetch(`${url}/imports/${batch.id}${path}`, {
        method: "HEAD",
        headers: { authorization: client.auth },
      });
      expect(head.status).toBe(200);
      expect(head.headers.get("content-type")).toBe(asked.headers.get("content-type"));
      expect(await head.text()).toBe("");
    }
  });
});

describe("X-Request-Id", () => {
  const asked = async (id?: string) =>
    (await get(url, client, "/policy", id === undefined ? {} : { "x-request-id": id })).headers.get("x-request-id");

  test("is the client's own, if it is sane", async () => {
    expect(await asked("order-4711/b")).toBe("order-4711/b");
    expect((await fetch(`${url}/nothing`, { headers: { "x-request-id": "mine" } })).headers.get("x-request-id")).toBe(
      "mine",
    );
    expect((await fetch(`${url}/health/live`)).headers.get("x-request-id")).toMatch(/./);
  });

  test.each([
    ["with a space", "two words"],
    ["that is long", "x".repeat(1_000)],
    ["that is no ASCII", "ä"],
  ])("is a new one in the place of one %s", async (_name, id) => {
    const given = await asked(id);
    expect(given).toMatch(/^[\x21-\x7e]{1,128}$/);
    expect(given).not.toBe(id);
    expect(await asked(id)).not.toBe(given);
  });

  test("is a new one where none is sent", async () => {
    expect(await asked()).not.toBe(await asked());
  });
});

describe("the rate", () => {
  test("is told by every answer, and beyond it requests are refused until it allows them again", async () => {
    const own = await newClient(url, { rate: { requests: 3, windowSeconds: 60 } });
    for (const left of [2, 1, 0]) {
      const response = await get(url, own, left === 1 ? "/imports/unknown" : "/policy");
      expect(response.status).toBe(left === 1 ? 404 : 200);
      expect(response.headers.get("ratelimit-policy")).toBe('"requests";q=3;w=60');
      expect(response.headers.get("ratelimit")).toMatch(new RegExp(`^"requests";r=${left};t=(60|[1-5]?\\d)$`));
    }
    for (const refused of [await get(url, own, "/policy"), await post(url, own, '{"a":1}')]) {
      const [, t] = /^"requests";r=0;t=(\d+)$/.exec(refused.headers.get("ratelimit") ?? "") ?? [];
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(Number(t));
      expect(refused.headers.get("ratelimit-policy")).toBe('"requests";q=3;w=60');
      expect(refused.headers.get("content-type")).toMatch(/^application\/problem\+json\b/);
      expect(await problemOf(refused)).toMatchObject({
        type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
        status: 429,
        code: "quota-exceeded",
        "violated-policies": ["requests"],
      });
    }
  });

  test("is another client's no less for that", async () => {
    expect((await get(url, client, "/policy")).headers.get("ratelimit")).toMatch(/^"requests";r=\d{6};t=\d+$/);
  });

  test("lets requests through again after Retry-After", async () => {
    const own = await newClient(url, { rate: { requests: 1, windowSeconds: 1 } });
    expect((await get(url, own, "/policy")).status).toBe(200);
    const refused = await get(url, own, "/policy");
    expect(refused.status).toBe(429);
    const allowedAt = performance.now() + Number(refused.headers.get("retry-after")) * 1000;
    const refusedAt: number[] = [];
    const isAllowed = async () => {
      const askedAt = performance.now();
      const { status } = await get(url, own, "/policy");
      if (status !== 200) refusedAt.push(askedAt);
      return status === 200;
    };
    await until(isAllowed, "the rate allows a request", 10_000);
    expect(Math.max(...refusedAt)).toBeLessThan(allowedAt);
  });
});

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

  test("newest first, page by page, each once, and no page after the last", async () => {
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

  test("a last page that is full has no next", async () => {
    expect(await page("?limit=7")).toMatchObject({ next: null, items: { length: 7 } });
    expect((await page("?limit=6")).next).not.toBeNull();
    expect(await page("?limit=200")).toMatchObject({ next: null, items: { length: 7 } });
  });

  test("by status, also over pages", async () => {
    expect((await page("?status=completed_with_errors")).items.map(({ id }) => id)).toEqual([ids[3]]);
    const first = await page("?status=completed&limit=4");
    const second = await page(`?status=completed&limit=4&cursor=${first.next}`);
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids.filter((id) => id !== ids[3]));
    expect(second.next).toBeNull();
    expect(await page("?status=held")).toEqual({ items: [], next: null });
  });

  test("an item is the batch as it is shown alone", async () => {
    const { items } = await page("?limit=1");
    expect(items[0]).toEqual(await (await get(url, own, `/imports/${ids[0]}`)).json());
  });

  test("another client's list has none of them", async () => {
    const other = await newClient(url);
    expect(await (await get(url, other, "/imports")).json()).toEqual({ items: [], next: null });
  });
});

describe("errors", () => {
  let own: TestClient;
  beforeAll(async () => {
    own = await newClient(url, { schema });
  });

  test("name every fault of a record by its path and keyword", async () => {
    const body = [
      { amount: 0, paid: 1, address: { zip: "1" }, tags: ["a", "b", 3] },
      { id: 1 },
      { id: "x" },
      { id: 2.5, state: 7 },
    ];
    const { batch, errors } = await imported(own, body.map((one) => JSON.stringify(one)).join("\n"));
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

  test("what is no object, no JSON or no UTF-8 is a record's error, not the batch's", async () => {
    const body = Buffer.concat([
      Buffer.from('{"id":1}\n\n[1]\nnull\n"x"\n{"id":}\n{"id":2,"text":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}\r\n{"id":3}'),
    ]);
    const { batch, errors, records } = await imported(own, body);
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

  test("an element of a JSON array has no line, and a wrong one spoils no other", async () => {
    const { batch, errors, records } = await imported(own, '[{"id":1},5,{"id":tru},\n{"id":2}]', "application/json");
    expect(batch.counts).toMatchObject({ received: 4, accepted: 2, rejected: 2 });
    expect(errors).toMatchObject([
      { record: 2, line: null, errors: [{ code: "malformed" }], raw: "5" },
      { record: 3, line: null, errors: [{ code: "malformed" }], raw: '{"id":tru}' },
    ]);
    expect(records.map(({ record }) => record)).toEqual([1, 4]);
  });

  test("up to 100 faults of a record are told", async () => {
    const many = await newClient(url, { schema: { additionalProperties: { type: "string" } } });
    const record = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`f${i}`, i]));
    const { errors } = await imported(many, JSON.stringify(record));
    expect(errors[0]?.errors).toHaveLength(100);
  });

  test("as CSV have a row per fault, and no cell is a formula", async () => {
    const texts = ["=1+1", "+x", "-x", "@x", "\tx", 'quo"te, comma', "two\nlines"];
    const csv = `id,text\n${texts.map((text) => `"${text.replaceAll('"', '""')}",x`).join("\n")}\n`;
    const { id } = await accepted(url, own, csv, "text/csv");
    await batchWhen(url, own, id);
    const response = await get(url, own, `/imports/${id}/errors`, { accept: "text/csv" });
    expect(response.headers.get("content-type")).toMatch(/^text\/csv\b/);
    const text = await response.text();
    const rows = (await import("papaparse")).default.parse<string[]>(text, { skipEmptyLines: true }).data;
    expect(rows[0]).toEqual(["record", "line", "field", "code", "message", "raw"]);
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

  test("are NDJSON unless CSV is asked for", async () => {
    const { batch } = await imported(own, '{"id":"x"}');
    for (const accept of ["*/*", "application/x-ndjson", "text/csv;q=0.1, application/x-ndjson", "text/csv;q=0"]) {
      const response = await get(url, own, `/imports/${batch.id}/errors`, { accept });
      expect(response.headers.get("content-type")).toMatch(/^application\/x-ndjson\b/);
    }
  });

  test("are an empty answer where there is none", async () => {
    const { batch, errors } = await imported(own, '{"id":1}');
    expect(errors).toEqual([]);
    const csv = await get(url, own, `/imports/${batch.id}/errors`, { accept: "text/csv" });
    expect(await csv.text()).toBe("record,line,field,code,message,raw\r\n");
  });
});

describe("values", () => {
  let own: TestClient;
  beforeAll(async () => {
    own = await newClient(url, { schema });
  });
  const data = (records: Stored[]) => records.map((one) => one.data);

  test("of CSV become what the schema types, and an empty cell is an absent field", async () => {
    const body = "id,amount,paid,text,extra\n1,2.50,true,007,8\n2,1e3,FALSE,,\n";
    const { records } = await imported(own, body, "text/csv");
    expect(data(records)).toEqual([
      { id: 1, amount: 2.5, paid: true, text: "007", extra: "8", state: "new" },
      { id: 2, amount: 1000, paid: false, state: "new" },
    ]);
  });

  test("of JSON are not converted; a default fills an absent field, not null", async () => {
    const { records, errors } = await imported(
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

  test("are stored as they came, numbers and letters of every kind", async () => {
    const record = '{"big":12345678901234567890,"small":1e-400,"text":"\\u00e4 😀 \\u0000"}';
    const { id } = await accepted(url, client, record);
    await batchWhen(url, client, id);
    const text = await (await get(url, client, `/imports/${id}/records`)).text();
    expect(text).toContain("12345678901234567890");
    expect(JSON.parse(text).data.text).toMatch(/^ä 😀 [\0\uFFFD]$/);
  });
});

describe("CSV", () => {
  const rows = async (body: string | Buffer, type = "text/csv") =>
    (await imported(client, body, type)).records.map(({ data }) => data);

  test("its BOM is dropped", async () => {
    expect(await rows("\uFEFFa,b\n1,2\n")).toEqual([{ a: "1", b: "2" }]);
    expect((await imported(client, '\uFEFF{"a":1}')).records).toEqual([{ record: 1, data: { a: 1 } }]);
    expect((await imported(client, '\uFEFF[{"a":1}]', "application/json")).records).toEqual([
      { record: 1, data: { a: 1 } },
    ]);
  });

  test("windows-1252 is decoded, also in the header and in what is rejected", async () => {
    const body = Buffer.from("pr\xe9nom,prix\nJos\xe9,5 \x80\n\x84x\x93,6,7\n", "latin1");
    const { records, errors } = await imported(client, body, "text/csv; charset=windows-1252");
    expect(records).toEqual([{ record: 1, data: { prénom: "José", prix: "5 €" } }]);
    expect(errors).toMatchObject([{ record: 2, line: 3, errors: [{ code: "columns" }], raw: "„x“,6,7" }]);
  });

  test("the same bytes as UTF-8 are an encoding fault of their record", async () => {
    const { errors, records } = await imported(client, Buffer.from("a\nx\n\xe9\ny\n", "latin1"), "text/csv");
    expect(errors).toMatchObject([{ record: 2, line: 3, errors: [{ code: "encoding" }] }]);
    expect(records.map(({ record }) => record)).toEqual([1, 3]);
  });

  test.each([
    [",", "a,b;c\n1,2\n", { a: "1", "b;c": "2" }],
    [";", "a;b\n1,5;2\n", { a: "1,5", b: "2" }],
    ["tab", "a\tb\n1;2\t3\n", { a: "1;2", b: "3" }],
    ["; outside of quotes", '"a,b,c";d\n1;2\n', { "a,b,c": "1", d: "2" }],
    ["nothing to sniff", "a\n1;2,3\n", null],
  ])("its delimiter is sniffed: %s", async (_name, body, expected) => {
    if (expected === null)
      expect((await imported(client, body, "text/csv")).errors).toMatchObject([{ errors: [{ code: "columns" }] }]);
    else expect(await rows(body)).toEqual([expected]);
  });

  test.each([
    ["text/csv; delimiter=|", "a|b,c\n1|2;3\n", { a: "1", "b,c": "2;3" }],
    ['TEXT/CSV;Charset="UTF-8";Delimiter=";"', "a;b\n1;2\n", { a: "1", b: "2" }],
    ["text/csv; delimiter=tab", "a\tb\n1\t2\n", { a: "1", b: "2" }],
    ['text/csv; delimiter=","', "a,b;c\n1,2\n", { a: "1", "b;c": "2" }],
  ])("its delimiter is told: %s", async (type, body, expected) => {
    expect(await rows(body, type)).toEqual([expected]);
  });

  test("lines are physical ones, though fields span several and blank lines are skipped", async () => {
    const own = await newClient(url, { schema, chunkRecords: 2 });
    const body =
      'id,text\r\n1,"one\ntwo\r\nthree"\r\n\r\nx,four\r\n2,"five\n\n"\r\ny,"six\nseven"\r\n\n\nz,eight\r\n3,nine';
    const { errors, records } = await imported(own, body, "text/csv");
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

  test("a row of another width is a record's error", async () => {
    const { errors } = await imported(client, "a,b\n1\n1,2\n1,2,3\n", "text/csv");
    expect(errors).toMatchObject([
      { record: 1, line: 2, errors: [{ field: "", code: "columns" }], raw: "1" },
      { record: 3, line: 4, errors: [{ field: "", code: "columns" }], raw: "1,2,3" },
    ]);
  });
});

describe("the policy's limits", () => {
  test("formats: a subset is taken, the rest is 415", async () => {
    const own = await newClient(url, { formats: ["csv", "json"] });
    expect((await imported(own, "a\n1\n", "text/csv")).batch.status).toBe("completed");
    expect((await imported(own, '[{"a":1}]', "application/json")).batch.status).toBe("completed");
    expect(await problemOf(await post(url, own, '{"a":1}'))).toMatchObject({
      status: 415,
      code: "unsupported-media-type",
    });
  });

  test("maxBytes and maxRecords: exactly as much is taken", async () => {
    const own = await newClient(url, { maxBytes: 16, maxRecords: 2 });
    expect((await imported(own, '{"a":1}\n{"a":2}\n')).batch.counts.accepted).toBe(2);
    expect((await imported(own, '{"a":1}\n{"a":2}')).batch.counts.accepted).toBe(2);
    expect(await problemOf(await post(url, own, '{"a":1}\n{"a":22}\n'))).toMatchObject({ status: 413, limit: 16 });
    expect(await problemOf(await post(url, own, "{}\n{}\n{}"))).toMatchObject({ code: "too-many-records", limit: 2 });
  });

  test.each([
    ["application/x-ndjson", '{"a":"x"}\n{"a":"LONG"}\n{"a":"y"}\n', [1, 2, 3]],
    ["text/csv", 'a\nx\n"LONG"\ny\n', [2, 3, 4]],
    ["application/json", '[{"a":"x"},{"a":"LONG"},{"a":"y"}]', null],
  ])(
    "maxRecordBytes: a longer record of %s is too_large, and the others are stored",
    async (type, template, places) => {
      const own = await newClient(url, { maxRecordBytes: 100 });
      const { batch, errors, records } = await imported(own, template.replace("LONG", "z".repeat(200_000)), type);
      expect(batch).toMatchObject({
        status: "completed_with_errors",
        counts: { received: 3, accepted: 2, rejected: 1 },
      });
      expect(errors).toMatchObject([{ record: 2, line: places?.[1] ?? null, errors: [{ code: "too_large" }] }]);
      expect(errors[0]?.raw.length).toBeLessThan(2_000);
      expect(records.map(({ record, data }) => [record, data.a])).toEqual([
        [1, "x"],
        [3, "y"],
      ]);
    },
  );

  test("chunkRecords 1: each record is a chunk, and all arrive in order", async () => {
    const own = await newClient(url, { chunkRecords: 1, schema: { properties: { a: { maximum: 28 } } } });
    const { batch, records, errors } = await imported(
      own,
      Array.from({ length: 30 }, (_, a) => `{"a":${a}}`).join("\n"),
    );
    expect(batch.counts).toEqual({ received: 30, accepted: 29, rejected: 1, duplicate: 0 });
    expect(records.map(({ record, data }) => [record, data.a])).toEqual(
      Array.from({ length: 29 }, (_, a) => [a + 1, a]),
    );
    expect(errors).toMatchObject([{ record: 30, line: 30 }]);
  });

  test("onInvalid rejectBatch: one invalid record and none is delivered, all errors are listed", async () => {
    const own = await newClient(url, { schema, onInvalid: "rejectBatch", chunkRecords: 2 });
    const { batch, records, errors } = await imported(own, '{"id":1}\n{"id":2}\n{"id":"x"}\n{"id":4}\n{}\n{"id":6}');
    expect(batch).toMatchObject({
      status: "failed",
      error: { code: "invalid-records", detail: expect.stringMatching(/2/) },
      counts: { received: 6, accepted: 0, rejected: 2 },
    });
    expect(records).toEqual([]);
    expect(errors.map(({ record, line }) => [record, line])).toEqual([
      [3, 3],
      [5, 5],
    ]);
    expect((await imported(own, '{"id":1}\n{"id":2}\n{"id":3}')).batch).toMatchObject({
      status: "completed",
      counts: { received: 3, accepted: 3, rejected: 0 },
    });
  });

  test("maxErrors: so many are allowed, beyond it the batch fails", async () => {
    const own = await newClient(url, { schema, maxErrors: 1, chunkRecords: 1 });
    expect((await imported(own, '{"id":1}\n{}\n{"id":3}')).batch).toMatchObject({
      status: "completed_with_errors",
      counts: { accepted: 2, rejected: 1 },
    });
    const { batch, records } = await imported(own, '{"id":1}\n{}\n{"id":3}\n{}\n{"id":5}');
    expect(batch).toMatchObject({ status: "failed", error: { code: "too-many-errors" }, counts: { rejected: 2 } });
    expect(records.map(({ record }) => record)).toEqual([1, 3]);
  });

  test("maxConcurrentUploads: one more at once is 429 with the limit", async () => {
    const own = await newClient(url, { maxConcurrentUploads: 1, chunkRecords: 1 });
    let send: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        send = controller;
        controller.enqueue(Buffer.from('{"a":1}\n'));
      },
    });
    const first = post(url, own, body);
    let second = await post(url, own, '{"a":2}');
    await until(async () => {
      if (second.status === 429) return true;
      second = await post(url, own, '{"a":2}');
      return false;
    }, "the first upload has its place");
    expect(second.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await problemOf(second)).toMatchObject({ status: 429, code: "too-many-uploads", limit: 1 });
    send?.enqueue(Buffer.from('{"a":3}\n'));
    send?.close();
    expect((await first).status).toBe(202);
    expect((await post(url, own, '{"a":4}')).status).toBe(202);
  });

  test("GET /policy shows the client's own policy, whole", async () => {
    const own = await newClient(url, { formats: ["csv"], schema, rate: { requests: 500 }, weight: 3 });
    expect(await (await get(url, own, "/policy")).json()).toEqual({
      formats: ["csv"],
      maxBytes: 2 ** 30,
      maxRecords: 10_000_000,
      maxRecordBytes: 2 ** 20,
      schema,
      onInvalid: "skip",
      maxErrors: null,
      rate: { requests: 500, windowSeconds: 60 },
      bytesPerDay: null,
      recordsPerDay: null,
      maxConcurrentBatches: 2,
      weight: 3,
      maxConcurrentUploads: 16,
      requiresApproval: false,
      window: null,
      dedup: "allow",
      dedupHours: 24,
      handler: "store",
      handlerTimeoutMs: 60_000,
      chunkRecords: 5_000,
      maxAttempts: 5,
      backoff: { type: "exponential", delayMs: 1_000, maxMs: 60_000 },
      uniqueKey: null,
      webhook: null,
      retentionDays: 30,
    });
  });
});

test("health: live is ok, ready tells of each dependency", async () => {
  const live = await fetch(`${url}/health/live`);
  expect([live.status, await live.json()]).toEqual([200, { status: "ok" }]);
  const ready = await fetch(`${url}/health/ready`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toEqual({
    status: "ok",
    checks: { database: { status: "up", latencyMs: expect.any(Number) }, redis: "off", rabbitmq: "off" },
  });
});

test("the scheme's name and the base64 of Basic are read as RFC 7617 wants", async () => {
  const [, encoded] = client.auth.split(" ");
  for (const auth of [`basic ${encoded}`, `BASIC  ${encoded}`])
    expect((await fetch(`${url}/policy`, { headers: { authorization: auth } })).status).toBe(200);
  expect((await admin(url, "/clients?limit=1", { headers: {} })).status).toBe(200);
});
