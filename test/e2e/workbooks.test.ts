/** Workbooks over HTTP: several chunks, cells in the report, retries of rejected rows, and the same file sent twice. */
import { batchWhen, get, lines, newClient, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";
import { tableOf, workbookOf } from "../helpers/workbook.ts";

const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const schema = {
  type: "object",
  properties: { id: { type: "string" }, amount: { type: "number", maximum: 100 } },
  required: ["id", "amount"],
};

let system: System;
let url: string;
beforeAll(async () => {
  system = await startSystem();
  url = system.url;
});
afterAll(() => system.stop());

interface Rejected {
  record: number;
  line: number;
  errors: { field: string; code: string; cell?: string }[];
}

function post(client: TestClient, path: string, body: Buffer | FormData | null, headers: Record<string, string> = {}) {
  return fetch(`${url}${path}`, {
    method: "POST",
    body: body instanceof Buffer ? new Uint8Array(body) : body,
    headers: { authorization: client.auth, ...headers },
  });
}

const rows = [["id", "amount"], ...Array.from({ length: 50 }, (_, i) => [`A${i}`, i === 20 || i === 40 ? 500 : i])];
const book = workbookOf({ sheets: { Orders: tableOf(rows as (string | number)[][]) } });

test("rows come in chunks; errors tell the cell; rejected rows come again by today's policy", async () => {
  const client = await newClient(url, { schema, chunkRecords: 7 });
  const response = await post(client, "/imports", book, { "content-type": XLSX, "idempotency-key": "one" });
  expect(response.status).toBe(202);
  const batch = await batchWhen(url, client, ((await response.json()) as { id: string }).id);
  expect(batch).toMatchObject({
    format: "xlsx",
    bytes: book.length,
    counts: { received: 50, accepted: 48, rejected: 2 },
  });
  const report = () => lines<Rejected>(get(url, client, `/imports/${batch.id}/errors`));
  expect(await report()).toMatchObject([
    { record: 21, line: 22, errors: [{ field: "amount", code: "maximum", cell: "B22" }] },
    { record: 41, line: 42, errors: [{ field: "amount", code: "maximum", cell: "B42" }] },
  ]);

  const again = await post(client, `/imports/${batch.id}/retry?only=rejected`, null);
  expect(again.status).toBe(202);
  const child = await batchWhen(url, client, ((await again.json()) as { id: string }).id);
  expect(child).toMatchObject({ format: "xlsx", counts: { received: 2, rejected: 2 } });
  expect(await lines<Rejected>(get(url, client, `/imports/${child.id}/errors`))).toMatchObject([
    { record: 1, line: 22, errors: [{ cell: "B22" }] },
    { record: 2, line: 42, errors: [{ cell: "B42" }] },
  ]);

  const twice = await post(client, "/imports", book, { "content-type": XLSX, "idempotency-key": "one" });
  expect([twice.status, twice.headers.get("idempotent-replayed"), ((await twice.json()) as { id: string }).id]).toEqual(
    [202, "true", batch.id],
  );
});

test("a form's file that is called .xlsx is a workbook; so is what the query says", async () => {
  const client = await newClient(url, { schema });
  const form = new FormData();
  form.set("file", new Blob([new Uint8Array(book)]), "Orders.XLSX");
  for (const response of [await post(client, "/imports", form), await post(client, "/imports?format=xlsx", book)]) {
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ format: "xlsx", bytes: book.length });
  }
});

test("a missing sheet is told with the names of all; a broken workbook stores nothing", async () => {
  const client = await newClient(url, { schema, read: { dialect: { sheetName: "Daten" } } });
  const missing = await post(client, "/imports", book, { "content-type": XLSX });
  expect([missing.status, await missing.json()]).toMatchObject([400, { code: "malformed-body", sheets: ["Orders"] }]);
  const cut = await post(client, "/imports", book.subarray(0, book.length - 30), { "content-type": XLSX });
  expect([cut.status, await cut.json()]).toMatchObject([400, { code: "malformed-body" }]);
  expect(await (await get(url, client, "/imports")).json()).toMatchObject({ items: [] });
});
