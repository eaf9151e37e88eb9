/** The promise: a file that comes in a form is the same upload as the file alone. */
import { createHash } from "node:crypto";
import { brotliCompressSync } from "node:zlib";
import { type Batch, batchWhen, get, lines, newClient, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";

let system: System;
let client: TestClient;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

const csv = "id;name\r\nA1;Ann\r\nA2;Ben\r\n";
const sha256 = (bytes: string | Buffer) => `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`;
const formOf = (content: string, name = "orders.csv") =>
  `--cut\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n${content}\r\n--cut--\r\n`;
const FORM = { "content-type": "multipart/form-data; boundary=cut" };

const send = (body: NonNullable<RequestInit["body"]>, headers: Record<string, string> = {}, query = "") =>
  fetch(`${system.url}/imports${query}`, {
    method: "POST",
    body,
    headers: { authorization: client.auth, ...headers },
  });

test("a browser's form is taken; bytes and checksum are the file's, records are as ever", async () => {
  client = await newClient(system.url);
  const form = new FormData();
  form.append("upload", new File([csv], "orders.csv", { type: "text/csv" }));
  const response = await send(form);
  expect(response.status).toBe(202);
  const { id } = (await response.json()) as Batch;
  const batch = await batchWhen(system.url, client, id);
  expect(batch).toMatchObject({ format: "csv", bytes: csv.length, checksum: sha256(csv), counts: { accepted: 2 } });
  const records = await lines<{ data: object }>(get(system.url, client, `/imports/${id}/records`));
  expect(records.map(({ data }) => data)).toEqual([
    { id: "A1", name: "Ann" },
    { id: "A2", name: "Ben" },
  ]);
});

test("the same file alone is the same upload: by its key and by its content", async () => {
  client = await newClient(system.url, { dedup: "reject" });
  const first = await send(formOf(csv), { ...FORM, "idempotency-key": "k" });
  expect(first.status).toBe(202);
  const again = await send(csv, { "content-type": "text/csv", "idempotency-key": "k" });
  expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([202, "true"]);
  const other = await send(formOf("id\n1\n"), { ...FORM, "idempotency-key": "k" });
  expect([other.status, ((await other.json()) as { code: string }).code]).toEqual([422, "idempotency-key-reused"]);
  const copy = await send(formOf(csv, "copy.csv"), FORM);
  expect([copy.status, ((await copy.json()) as { code: string }).code]).toEqual([409, "duplicate-batch"]);
});

test("Content-Digest is of the bytes as sent: of the form", async () => {
  client = await newClient(system.url);
  const form = formOf(csv);
  expect((await send(form, { ...FORM, "content-digest": sha256(form) })).status).toBe(202);
  const wrong = await send(form, { ...FORM, "content-digest": sha256(csv) });
  expect(((await wrong.json()) as { code: string }).code).toBe("digest-mismatch");
});

test("a form may be packed, and the query tells what its file is", async () => {
  client = await newClient(system.url);
  const packed = brotliCompressSync(formOf('{"n":1}\n', "records.dat"));
  const response = await send(new Uint8Array(packed), { ...FORM, "content-encoding": "br" }, "?format=ndjson");
  expect([response.status, await response.json()]).toEqual([
    202,
    expect.objectContaining({ format: "ndjson", bytes: 8 }),
  ]);
});

test("maxBytes is of the file: a little beside it does not count", async () => {
  client = await newClient(system.url, { maxBytes: csv.length });
  expect((await send(formOf(csv), FORM)).status).toBe(202);
  const longer = await send(formOf(`${csv}\n`), FORM);
  expect([longer.status, await longer.json()]).toEqual([413, expect.objectContaining({ limit: csv.length })]);
});

test("tab-separated text is CSV with a tab, by its type and by the query", async () => {
  client = await newClient(system.url);
  const tsv = "id\tname, first\nA1\tAnn\n";
  const sent = [
    send(tsv, { "content-type": "text/tab-separated-values" }),
    send(tsv, { "content-type": "application/octet-stream" }, "?format=tsv"),
    send(tsv, { "content-type": "application/json" }, "?format=tsv"),
  ];
  for (const response of await Promise.all(sent)) {
    const { id, format } = (await response.json()) as Batch;
    expect([response.status, format]).toEqual([202, "csv"]);
    await batchWhen(system.url, client, id);
    const [record] = await lines<{ data: object }>(get(system.url, client, `/imports/${id}/records`));
    expect(record?.data).toEqual({ id: "A1", "name, first": "Ann" });
  }
});
