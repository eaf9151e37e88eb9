/**
 * The promise: the number of a client's exports is limited, even if it reads nothing, and a report contains each record's text
 * once.
 */
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import type { Api } from "../../services/api/http/gateway.ts";
import { accepted, admin, type Batch, batchWhen, get, newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { type System, startSystem } from "../helpers/system.ts";

const MOST = 8;

let system: System;
let url: string;
const readers: Socket[] = [];

beforeAll(async () => {
  system = await startSystem();
  url = system.url;
});
afterEach(() => {
  for (const reader of readers.splice(0)) reader.destroy();
});
afterAll(() => system.stop());

const open = () => (system.broker.getLocalService("api") as unknown as Api).exports.size;
const opened = (number: number) => until(() => open() === number, `${number} open exports`);

async function imported(client: TestClient, body: string): Promise<Batch> {
  const headers = { "content-encoding": "gzip" };
  const { id } = await accepted(url, client, gzipSync(body) as never, "application/x-ndjson", headers);
  return batchWhen(url, client, id);
}

/** More than the buffers at both ends of a connection hold. */
const large = `${JSON.stringify({ text: "x".repeat(10_000) })}\n`.repeat(2_000);

/** Sends a request, and reads nothing of the answer. */
function silent({ auth }: TestClient, path: string): Socket {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${auth}\r\n\r\n`);
  readers.push(socket);
  return socket;
}

test("a client may read eight exports at once, and no ninth until one has ended", async () => {
  const client = await newClient(url, { schema: { properties: { text: { type: "string", maxLength: 9 } } } });
  const { id, counts } = await imported(client, large);
  expect(counts.rejected).toBe(2_000);
  for (let i = 0; i < MOST; i++) silent(client, `/imports/${id}/errors`);
  await opened(MOST);
  const refused = await get(url, client, `/imports/${id}/records`);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "5"]);
  expect(await refused.json()).toMatchObject({ code: "too-many-streams", limit: MOST });
  // Other clients have their own limits, and all other calls work.
  expect((await get(url, client, `/imports/${id}`)).status).toBe(200);
  expect((await get(url, client, `/imports/${id}/errors`, { accept: "text/csv" })).status).toBe(429);
  const other = await newClient(url);
  const small = await imported(other, "{}");
  expect((await get(url, other, `/imports/${small.id}/records`)).status).toBe(200);
  readers.pop()?.destroy();
  await opened(MOST - 1);
  const whole = await get(url, client, `/imports/${id}/errors`);
  expect((await whole.text()).split("\n")).toHaveLength(2_001);
  await opened(MOST - 1);
  for (const reader of readers) reader.destroy();
  await opened(0);
});

test("a refused export and HEAD take none of the places", async () => {
  const client = await newClient(url);
  const { id } = await imported(client, "{}");
  const nowhere = "0193b2f0-0000-7000-8000-000000000000";
  expect((await get(url, client, `/imports/${nowhere}/records`)).status).toBe(404);
  const head = await fetch(`${url}/imports/${id}/records`, { method: "HEAD", headers: { authorization: client.auth } });
  expect(head.status).toBe(200);
  expect(open()).toBe(0);
});

test("exports of a disabled client are cut off", async () => {
  const client = await newClient(url);
  const { id } = await imported(client, large);
  silent(client, `/imports/${id}/records`);
  await opened(1);
  await admin(url, `/clients/${client.id}`, { method: "PATCH", body: '{"status":"disabled"}' });
  await opened(0);
});

test("a large record with a hundred faults has its text once in the report, also as CSV", async () => {
  const client = await newClient(url, { schema: { additionalProperties: { type: "string" } } });
  const faults = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, i]));
  const line = JSON.stringify({ ...faults, text: "x".repeat(1_000_000) });
  const { id } = await imported(client, `${line}\n${line}\n`);
  for (const accept of ["text/csv", "application/x-ndjson"]) {
    const text = await (await get(url, client, `/imports/${id}/errors`, { accept })).text();
    expect(text.length).toBeLessThan(2.2 * line.length);
  }
});

test("an export is an attachment with a file name, never a page for a browser", async () => {
  const client = await newClient(url);
  const { id } = await imported(client, "{}\n[]\n");
  const names: Record<string, [path: string, accept: string]> = {
    [`${id}-records.ndjson`]: ["records", "*/*"],
    [`${id}-errors.ndjson`]: ["errors", "*/*"],
    [`${id}-errors.csv`]: ["errors", "text/csv"],
  };
  for (const [name, [path, accept]] of Object.entries(names)) {
    const { headers } = await get(url, client, `/imports/${id}/${path}`, { accept });
    expect(headers.get("content-disposition")).toBe(`attachment; filename="${name}"`);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
});

/** The batch that several tests share. */
let oneRejected: Promise<[TestClient, Batch]> | undefined;
async function withOneRejected(): Promise<[TestClient, Batch]> {
  const client = await newClient(url);
  return [client, await imported(client, "[]")];
}

const CSV = "text/csv; charset=utf-8; header=present";
const NDJSON = "application/x-ndjson";

test.each([
  ["", NDJSON],
  ["*/*", NDJSON],
  ["*/*;q=0.9, text/csv;q=0.2", NDJSON],
  ["text/csv;q=0.2, */*;q=0.1", CSV],
  ["text/csv, */*", CSV],
  ["text/*", CSV],
  ["TEXT/CSV", CSV],
  ["text/csv;charset=utf-8", CSV],
  ["text/csv;q=0, */*", NDJSON],
  ["text/csv;q=0", NDJSON],
  ["application/x-ndjson;q=0, text/csv;q=0.1", CSV],
  ["application/x-ndjson;q=0, */*", CSV],
  ["text/*;q=0.9, text/csv;q=0.1, application/x-ndjson;q=0.5", NDJSON],
  ["application/json, text/csv;q=0.5", "application/json; charset=utf-8"],
  ["application/jsonl, text/csv;q=0.5", NDJSON],
  ["text/html", NDJSON],
  [",;q=x,text/csv/x", NDJSON],
])("Accept: %s is answered with %s", async (accept, type) => {
  oneRejected ??= withOneRejected();
  const [client, { id }] = await oneRejected;
  const { status, headers } = await get(url, client, `/imports/${id}/errors`, { accept });
  expect([status, headers.get("content-type"), headers.get("vary")]).toEqual([200, type, "Accept"]);
});
