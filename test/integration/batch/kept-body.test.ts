/**
 * The policy's `keepBodyDays`: the client, and nobody else, can fetch a body byte for byte for as many days as the policy says.
 */
import { createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { accepted, get, newClient, type TestClient } from "../../helpers/http.ts";
import { until } from "../../helpers/patience.ts";
import { ended, row, rows } from "./kit.ts";
import { countOf, due, endStarted, start, system } from "./waiting.kit.ts";

endStarted();

const KEEPS = { keepBodyDays: 3 };
const bodyOf = (client: TestClient, id: string) => get(system.url, client, `/imports/${id}/body`);
const digestOf = (body: Buffer) => `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;

/** A body of several parts. Its lines hardly compress. */
const large = Buffer.from(
  Array.from({ length: 2_500 }, (_, n) => `{"n":${n},"text":"${randomBytes(500).toString("hex")}"}\r\n`).join(""),
);

test.each([
  [
    "an array with blanks and line ends",
    "application/json",
    Buffer.from('[\r\n {"n": 1.50} ,\n\n{"n":2}]\r\n'),
    "json",
    "",
  ],
  [
    "blank lines and a byte order mark",
    "application/x-ndjson",
    Buffer.from('\uFEFF{"n":1}\n\n \n{"n":2}'),
    "ndjson",
    "",
  ],
  [
    "another encoding",
    "text/csv; charset=windows-1252",
    Buffer.from("n,t\r\n1,\xe9\r\n", "latin1"),
    "csv",
    "; charset=windows-1252",
  ],
  ["tabs", "text/tab-separated-values", Buffer.from("n\tt\n1\t\n"), "tsv", ""],
  ["several parts", "application/x-ndjson", large, "ndjson", ""],
])("a body comes back as it was: %s", async (_, type, body, ending, charset) => {
  await start();
  const client = await newClient(system.url, KEEPS);
  const gzip = { "content-encoding": "gzip" };
  const { id } = await accepted(system.url, client, gzipSync(body) as unknown as string, type, gzip);
  await ended(system, client, id);
  const answer = await bodyOf(client, id);
  expect(answer.headers.get("repr-digest")).toBe(digestOf(body));
  expect(answer.headers.get("content-disposition")).toBe(`attachment; filename="${id}.${ending}"`);
  expect(answer.headers.get("content-type")).toBe(type.split(";")[0] + charset);
  expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true);
  expect((await bodyOf(await newClient(system.url), id)).status).toBe(404);
});

test("an upload that is answered again stores nothing of its body", async () => {
  await start();
  const client = await newClient(system.url, KEEPS);
  const send = () => accepted(system.url, client, rows(3), "application/x-ndjson", { "idempotency-key": "one" });
  const [first, again] = [await send(), await send()];
  await ended(system, client, first.id);
  expect([again.id, await countOf("batch"), await countOf("batch_chunk")]).toEqual([first.id, 1, 2]);
  expect(await (await bodyOf(client, first.id)).text()).toBe(rows(3));
});

test("the body is deleted after its days, and the batch after its retention", async () => {
  await start();
  const client = await newClient(system.url, KEEPS);
  const { id } = await accepted(system.url, client, rows(3));
  await ended(system, client, id);
  const days = async () => {
    const { dueAt, finishedAt } = await row(system, id);
    return ((dueAt as number) - (finishedAt as number)) / 86_400_000;
  };
  expect(await days()).toBeCloseTo(3, 3);
  await due("batch", `id = ${(await row(system, id)).id}`);
  await until(async () => (await row(system, id)).chunks === 0);
  expect([await days(), await countOf("batch_chunk")]).toEqual([30, 0]);
  const answer = await bodyOf(client, id);
  expect([answer.status, await answer.json()]).toMatchObject([410, { code: "gone" }]);
});

test("without keepBodyDays no body is kept", async () => {
  await start();
  const client = await newClient(system.url);
  const { id } = await accepted(system.url, client, rows(3));
  expect((await bodyOf(client, id)).status).toBe(410);
});
